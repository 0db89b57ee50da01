/**
 * What a user can do about faults that are reported in several places.
 *
 * @module
 */

/** After training has diverged: a resumed run keeps its rate, and would diverge again. */
export const AFTER_DIVERGENCE =
  "start a new run with a lower --lr (--init takes " +
  "the weights of an earlier checkpoint)";
