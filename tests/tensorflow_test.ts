/**
 * All tests that run TensorFlow in the test process itself. They share one file because
 * only one thread of a process may load the library.
 */
import "./tensorflow/classifiers.ts";
import "./tensorflow/door.ts";
import "./tensorflow/parity.ts";
import "./tensorflow/tracing.ts";
import "./tensorflow/winograd.ts";
import "./tensorflow/export.ts";
