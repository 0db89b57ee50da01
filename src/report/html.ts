/**
 * Parts of a report in HTML.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Image } from "../data/image.ts";
import { encodePng } from "../data/png.ts";
import type { Figure } from "./figures.ts";

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Escapes a text for HTML. */
export const escape = (text: unknown) =>
  String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]!);

/** A table; the first cell of each row is the row's header. */
export function table(head: string[], rows: unknown[][]): string {
  const cells = (tag: string, row: unknown[]) =>
    row.map((cell, i) =>
      i === 0 && tag === "td"
        ? `<th scope="row">${escape(cell)}</th>`
        : `<${tag}${tag === "th" ? ' scope="col"' : ""}>${
          escape(cell)
        }</${tag}>`
    ).join("");
  return `<div class="scroll"><table><thead><tr>${
    cells("th", head)
  }</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}</tbody>
</table></div>`;
}

/** A figure with its title. */
export function figureHtml({ name, title, svg }: Figure): string {
  return `<figure id="${name}">${svg}<figcaption>${
    escape(title)
  }</figcaption></figure>`;
}

/** An image with its description. */
export async function imageHtml(image: Image, text: string): Promise<string> {
  const png = Buffer.from(await encodePng(image)).toString("base64");
  return `<figure><img src="data:image/png;base64,${png}" alt="${
    escape(text)
  }"><figcaption>${escape(text)}</figcaption></figure>`;
}

/** Figures side by side. */
export function grid(figures: Figure[]): string {
  return `<div class="grid">${figures.map(figureHtml).join("\n")}</div>`;
}
