/**
 * A decoded image, as every data set hands it to the patch workers.
 *
 * @module
 */

/** An 8-bit RGB image, rows from the top, three bytes a pixel. */
export interface Image {
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** `height × width × 3` bytes. */
  data: Uint8Array;
}
