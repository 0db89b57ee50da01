/**
 * Your own data: images as blobs in a table of SQLite.
 *
 *     deno task train --data ./examples/sqlite_data.ts \
 *       --data-options '{"file": "/data/images.db"}'
 *
 * The table: `create table images (split text, label text, file blob)`, each blob
 * the bytes of an image file. Blobs are read one by one, when they are needed.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { OpenOwnData } from "../mod.ts";

const open: OpenOwnData = ({ split, options }) => {
  const database = new DatabaseSync(String(options.file), { readOnly: true });
  const rows = database.prepare(
    "select rowid, label from images where split = ? order by rowid",
  ).all(split) as { rowid: number; label: string }[];
  const classes = database.prepare(
    "select distinct label from images order by label",
  ).all().map((row) => String(row.label));
  const blob = database.prepare("select file from images where rowid = ?");
  const row = (index: number) => rows[index]!;
  return {
    length: rows.length,
    classes,
    label: (index) => classes.indexOf(row(index).label),
    describe: (index) => `row ${row(index).rowid}`,
    image: (index) => blob.get(row(index).rowid)!.file as Uint8Array,
  };
};

export default open;
