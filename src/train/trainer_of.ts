/**
 * Creates the trainer for a run's configuration.
 *
 * @module
 */
import type { Engine, Trainer, TrainerOptions } from "../engine/engine.ts";
import type { OptimizerConfig } from "../model/optimizer.ts";
import { MUON_STEP } from "../model/muon.ts";
import type { State } from "../model/tensors.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import { defined } from "../common/defined.ts";
import { batchOf } from "./batch.ts";
import { methodDefaults, methodRate } from "./method_defaults.ts";

/** The optimiser's constants for a run. */
function optimizerOf(config: ResolvedConfig): OptimizerConfig {
  const { method, arch, larsClip, lr } = config;
  const { weightDecay, momentum, eta } = config;
  const optimizer = {
    ...methodDefaults({ method, arch }).optimizer,
    ...defined({ weightDecay, momentum, eta }),
  };
  const constants = config.optimizer === "muon"
    ? { ...optimizer, muon: MUON_STEP / methodRate(config, arch) }
    : optimizer;
  return larsClip === "initial" ? { ...constants, clipRate: lr } : constants;
}

/**
 * Puts a model on the engine's device, with a step for one patch size.
 *
 * @param start The tensors of the model, and those of the optimiser.
 */
export function trainerOf(
  engine: Engine,
  config: ResolvedConfig,
  { patchSize, microBatch }: Pick<TrainerOptions, "patchSize" | "microBatch">,
  { state, optimizerState }: { state: State; optimizerState: State },
): Promise<Trainer> {
  const batch = batchOf(config, patchSize);
  const options = { loss: config, optimizer: optimizerOf(config) };
  return engine.trainer(
    { ...batch, microBatch, ...options },
    state,
    optimizerState,
  );
}
