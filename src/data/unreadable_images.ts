/**
 * The images that a search of folders leaves out for their format.
 *
 * @module
 */

/** Counts the images that a search leaves out for their format. */
export class UnreadableImages {
  #count = 0;
  #example = "";

  /** A `Search.onUnreadable`. */
  readonly add = (path: string): void => {
    if (this.#count++ === 0) this.#example = path;
  };

  /** A warning; undefined where no image was left out. */
  get warning(): string | undefined {
    if (this.#count === 0) return undefined;
    const more = this.#count > 1 ? ` and ${this.#count - 1} more` : "";
    return `Images in formats that are not read are left out: ${this.#example}` +
      `${more}; convert them to JPEG or PNG to use them`;
  }
}
