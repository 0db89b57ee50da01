/** The step under XLA against PyTorch; run by tests/xla_test.ts. */
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import { testParity } from "../parity.ts";

const engine = await loadTensorFlow("fp32", { xla: "on" });
const subject = {
  name: "the step under XLA",
  ignore: false,
  reason: "",
  engine,
};
testParity(subject, "a narrow resnet18-cifar");
