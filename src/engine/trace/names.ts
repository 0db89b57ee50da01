/**
 * The names of the nodes by which the traced graphs are run.
 *
 * @module
 */

/** Names of what a graph is fed with and asked for. */
export const NODES = {
  /** uint8, `N×H×W×3`. */
  bytes: "bytes",
  /** float, `N×H×W×3`, already in [−1, 1]: for comparisons. */
  floats: "floats",
  /** Runs when the patches that are fed are on the device: see `traceReplicas`. */
  uploaded: "uploaded",
  /** float scalar. */
  learningRate: "learning_rate",
  /** The loss and its terms, before the update. */
  losses: ["loss", "invariance", "tcr"],
  /** Z̄Z̄ᵀ of the batch. */
  gram: "gram",
  /** Runs when momentum and accumulators are zero. */
  zeroed: "zeroed",
  /** `images × hidden`. */
  features: "features",
  /** The embeddings in training mode. */
  z: "z",
  /** Replicas: runs when all have the weights and momentum of the first. */
  broadcast: "broadcast",
  /** Replicas: float scalar, 1 where this process asks to stop, else 0. */
  stop: "stop",
  /** Replicas: how many processes ask to stop. */
  stopping: "stopping",
  /** Micro-batches: int32 scalar, the index of the one that is fed. */
  microBatch: "micro_batch",
  /**
   * Micro-batches: the variable of the embeddings of the whole batch, and later
   * of the gradient of the loss by them.
   */
  allZ: "all_z",
  /** Micro-batches: the variable of z̄. */
  meanZ: "mean_z",
  /** Micro-batches: the variable of the gradient of the loss by z̄. */
  meanZGradient: "mean_z_gradient",
  /** Micro-batches: runs when the embeddings of one are stored. */
  embedded: "embedded",
  /** Micro-batches: runs when the gradients of one are accumulated. */
  accumulated: "accumulated",
  /** Micro-batches: runs when the parameters are updated. */
  applied: "applied",
} as const;

/** The node of a number that a method has for a step. */
export const scalarNode = (name: string) => `scalar/${name}`;
/** The node that a tensor of the model is restored from. */
export const restoreNode = (variable: string) => `restore/${variable}`;
/** Runs when a tensor of the model is restored. */
export const restoredNode = (variable: string) => `restored/${variable}`;
/** The node that holds a tensor of the model. */
export const readNode = (variable: string) => `read/${variable}`;
/** The name of a parameter's momentum buffer. */
export const momentumOf = (parameter: string) => `momentum/${parameter}`;
/** The name of the variable that accumulates a parameter's gradient. */
export const accumulatorOf = (parameter: string) => `accumulator/${parameter}`;
/** The prefix of the names of a replica's nodes: none for the first. */
export const prefixOf = (replica: number) =>
  replica === 0 ? "" : `replica_${replica}/`;
