/** The cpu engine against PyTorch. */
import { type ChannelSubject, testChannels } from "./channels_step.ts";
import { eagerSubject } from "./eager_subject.ts";
import { type MethodSubject, testMethod } from "./method_parity.ts";
import { testParity } from "./parity.ts";

const subject = await eagerSubject("cpu");
testParity(subject, "a narrow resnet18-cifar");
testParity(subject, "a narrow resnet18-cifar by Muon");
testChannels(subject as ChannelSubject);
testMethod(subject as MethodSubject, "byol");
testMethod(subject as MethodSubject, "swav");
