/**
 * The methods by name.
 *
 * @module
 */
import { checkOneOf } from "../../common/choice_names.ts";
import type { ModelConfig } from "../architectures.ts";
import { BYOL } from "./byol.ts";
import { EMP_SSL } from "./emp_ssl.ts";
import type { Method } from "./method.ts";
import { RESSL } from "./ressl.ts";
import { SIMCLR } from "./simclr.ts";
import { SWAV } from "./swav.ts";
import { VICREG } from "./vicreg.ts";

/** The methods' names. */
export const METHOD_NAMES = [
  "emp-ssl",
  "simclr",
  "byol",
  "vicreg",
  "swav",
  "ressl",
] as const;

/** The name of a method. */
export type MethodName = typeof METHOD_NAMES[number];

/** The methods. */
export const METHODS: Readonly<Record<MethodName, Method>> = {
  "emp-ssl": EMP_SSL,
  simclr: SIMCLR,
  byol: BYOL,
  vicreg: VICREG,
  swav: SWAV,
  ressl: RESSL,
};

/**
 * A method by its name.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown name.
 */
export function methodNamed(name: string = "emp-ssl"): Method {
  const subject = `the method "${name}"`;
  checkOneOf(name, METHOD_NAMES, { action: "train by", subject });
  return METHODS[name as MethodName];
}

/** The method of a model. */
export function methodOf({ method }: Pick<ModelConfig, "method">): Method {
  return methodNamed(method?.name);
}

/** The names of {@linkcode Method.scalars} of a model's method. */
export function scalarNames(model: ModelConfig): string[] {
  const first = { step: 0, steps: 1, stepsPerEpoch: 1 };
  return Object.keys(methodOf(model).scalars?.(first, model) ?? {});
}
