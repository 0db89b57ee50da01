/** The webgpu engine against PyTorch; run by tests/webgpu_test.ts. */
import { eagerSubject } from "../eager_subject.ts";
import { testParity } from "../parity.ts";

const subject = await eagerSubject("webgpu");
testParity(subject, "a narrow resnet18-cifar");
testParity(subject, "a narrow resnet18-imagenet");
testParity(subject, "a narrow resnet18-cifar in micro-batches");
