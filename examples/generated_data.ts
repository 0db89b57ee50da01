/**
 * Your own data: computed images, here gratings of a few directions.
 *
 *     deno task train --data ./examples/generated_data.ts \
 *       --data-options '{"images": 500}' --epoch 1
 *
 * @module
 */
import type { OpenOwnData } from "../mod.ts";

const SIDE = 32, DIRECTIONS = ["0", "45", "90", "135"];

const open: OpenOwnData = ({ split, options }) => {
  const count = Number(options.images ?? 500);
  return {
    length: split === "train" ? count : Math.ceil(count / 4),
    classes: DIRECTIONS,
    label: (index) => index % DIRECTIONS.length,
    image: (index) => {
      const angle = index % DIRECTIONS.length * Math.PI / 4;
      const phase = index * (split === "train" ? 0.7 : 1.1);
      const data = new Uint8Array(SIDE * SIDE * 3);
      for (let i = 0; i < data.length; i++) {
        const x = Math.floor(i / 3) % SIDE, y = Math.floor(i / 3 / SIDE);
        const along = x * Math.cos(angle) + y * Math.sin(angle);
        data[i] = 127 + 120 * Math.sin(0.9 * along + phase + i % 3);
      }
      return { width: SIDE, height: SIDE, data };
    },
  };
};

export default open;
