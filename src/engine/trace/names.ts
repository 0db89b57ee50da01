/**
 * The names of the nodes by which the traced graphs are run.
 *
 * @module
 */

/** Names of a graph's placeholders, outputs and scratch variables. */
export const NODES = {
  /** uint8, or uint16 for patches of 16 bits; `N×H×W×C`. */
  bytes: "bytes",
  /** float, `N×H×W×C`, already normalised: for comparisons. */
  floats: "floats",
  /** Ready once the fed patches are on the device: see `TraceSettings.staged`. */
  uploaded: "uploaded",
  /** float scalar. */
  learningRate: "learning_rate",
  /** The loss and its terms, before the update. */
  losses: ["loss", "invariance", "tcr"],
  /** Z̄Z̄ᵀ of the batch. */
  gram: "gram",
  /** Ready once all variables that start from zero are zero: see `declare`. */
  zeroed: "zeroed",
  /** `images × width`. */
  features: "features",
  /** Ready once an encoder's prepared weights are computed. */
  prepared: "prepared",
  /** Replicas: ready once all have the weights and momentum of the first. */
  broadcast: "broadcast",
  /** Replicas: float scalar, 1 if this process asks to stop, else 0. */
  stop: "stop",
  /** Replicas: how many belong to a process that asks to stop. */
  stopping: "stopping",
  /** Micro-batches: int32 scalar, the index of the current one. */
  microBatch: "micro_batch",
  /**
   * Micro-batches: the variable that holds the embeddings of the whole batch,
   * and later the gradient of the loss with respect to them.
   */
  allZ: "all_z",
  /** Micro-batches: the variable of z̄. */
  meanZ: "mean_z",
  /** Micro-batches: the variable of the gradient of the loss with respect to z̄. */
  meanZGradient: "mean_z_gradient",
  /** Micro-batches: ready once the embeddings of one are stored. */
  embedded: "embedded",
  /** Micro-batches: ready once the gradients of one are accumulated. */
  accumulated: "accumulated",
  /** Micro-batches: ready once the parameters are updated. */
  applied: "applied",
} as const;

/** The placeholder of one of a method's scalars for a step. */
export const scalarNode = (name: string) => `scalar/${name}`;
/** The placeholder from which a tensor of the model is restored. */
export const restoreNode = (variable: string) => `restore/${variable}`;
/** Ready once a tensor of the model is restored. */
export const restoredNode = (variable: string) => `restored/${variable}`;
/** The node that reads a tensor of the model. */
export const readNode = (variable: string) => `read/${variable}`;
/** The name of a parameter's momentum buffer. */
export const momentumName = (parameter: string) => `momentum/${parameter}`;
/** The name of the variable that accumulates a parameter's gradient. */
export const accumulatorOf = (parameter: string) => `accumulator/${parameter}`;
/** The name prefix of a replica's nodes: empty for the first. */
export const prefixOf = (replica: number) =>
  replica === 0 ? "" : `replica_${replica}/`;
