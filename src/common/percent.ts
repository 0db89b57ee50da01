/**
 * Shares as percentages.
 *
 * @module
 */

/** A share in percent without its sign: `61.0`; a dash where there is none. */
export function percent(share: number | undefined): string {
  return share === undefined ? "–" : (100 * share).toFixed(1);
}

/** A share in percent: `61.0 %`; a dash where there is none. */
export function percentSigned(share: number | undefined): string {
  return share === undefined ? "–" : `${percent(share)} %`;
}
