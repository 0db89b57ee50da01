/**
 * All tests that compute on TensorFlow in this process. They are one file
 * because one thread of a process at most may load the library.
 */
import "./tensorflow/classifiers.ts";
import "./tensorflow/door.ts";
import "./tensorflow/parity.ts";
import "./tensorflow/tracing.ts";
import "./tensorflow/winograd.ts";
import "./tensorflow/export.ts";
