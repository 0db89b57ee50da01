/**
 * protobufjs, without its parser of .proto files: the messages are declared as
 * plain objects.
 *
 * @module
 */
export { default as protobuf } from "npm:protobufjs@8.8.1/light.js";

/** A field of a message. */
export const field = (type: string, id: number) => ({ type, id });

/** A field that occurs any number of times. */
export const repeated = (type: string, id: number) => ({
  rule: "repeated",
  type,
  id,
});

/** A map; its keys are strings unless said otherwise. */
export const map = (type: string, id: number, keyType = "string") => ({
  keyType,
  type,
  id,
});
