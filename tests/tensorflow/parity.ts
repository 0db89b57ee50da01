/** The compiled step against PyTorch. */
import type { State } from "../../src/model/tensors.ts";
import { testChannels } from "../channels_step.ts";
import { testMethod } from "../method_parity.ts";
import { type SettingName, testParity } from "../parity.ts";
import { useTensorFlow } from "./engine.ts";

const subject = {
  name: "the compiled step",
  ...await useTensorFlow("fp32"),
};
const names: SettingName[] = [
  "a narrow resnet18-cifar",
  "a narrow resnet18-imagenet",
  "a narrow resnet18-tinyimagenet",
  "a narrow resnet18-cifar in micro-batches",
  "a narrow resnet34-cifar",
  "a narrow resnet50-cifar",
  "a narrow resnet18-cifar by Muon",
  "ResNet-18 of 16×16",
  "ResNet-18 of 32×32",
];
for (const name of names) testParity(subject, name);

const { engine } = subject;
/** As on a GPU: the stem's input padded to 8 channels, batches uploaded before. */
const asOnGpu = {
  ...subject,
  name: "the compiled step as it is traced for a GPU",
  engine: engine && {
    report: engine.report,
    encoder: engine.encoder.bind(engine),
    trainer: (
      options: Parameters<typeof engine.trainer>[0],
      ...states: [State, State?]
    ) =>
      engine.trainer({ ...options, stemChannels: 8, staged: true }, ...states),
  },
};
testParity(asOnGpu, "a narrow resnet18-cifar");
testParity(asOnGpu, "a narrow resnet18-imagenet");
testChannels(subject);
for (const name of ["simclr", "byol", "vicreg", "swav", "ressl"] as const) {
  testMethod(subject, name);
}
