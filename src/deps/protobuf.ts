/**
 * protobufjs, without its parser of .proto files: the messages are declared as
 * plain objects.
 *
 * @module
 */
export { default as protobuf } from "npm:protobufjs@8.8.1/light.js";
