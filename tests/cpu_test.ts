/** The cpu engine against PyTorch. */
import { eagerSubject } from "./eager_subject.ts";
import { testParity } from "./parity.ts";

const subject = await eagerSubject("cpu");
testParity(subject, "a narrow resnet18-cifar");
