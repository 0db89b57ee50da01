/**
 * What can be done about faults that several rooms report.
 *
 * @module
 */

/** After training has diverged: a resumed run keeps its rate, and would diverge again. */
export const AFTER_DIVERGENCE =
  "start a new run with a lower --lr (--init takes " +
  "the weights of an earlier checkpoint)";
