/** The other methods over replicas: see tests/methods_test.ts. */
import { testReplicas } from "../method_replicas.ts";

for (const method of ["simclr", "byol", "vicreg", "swav"] as const) {
  testReplicas(method);
}
