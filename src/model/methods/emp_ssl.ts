/**
 * EMP-SSL: Tong, Chen, Ma and LeCun, «EMP-SSL: Towards Self-Supervised Learning in
 * One Training Epoch», arXiv 2304.03977. The loss is in `../loss.ts`, the heads are in
 * `../projector.ts`.
 *
 * @module
 */
import { backboneWidth } from "../blocks.ts";
import { OPTIMIZER } from "../optimizer.ts";
import { empSslLoss } from "../loss.ts";
import { preFeature, project } from "../projector.ts";
import { resnet } from "../resnet.ts";
import { linearSpecs, normSpecs } from "../tensors.ts";
import type { Method } from "./method.ts";

/** See the module's description. */
export const EMP_SSL: Method = {
  name: "emp-ssl",
  title: "EMP-SSL (Tong et al., 2023)",
  options: {},
  widths: { hidden: 4096, embedding: 1024 },
  defaults: () => ({
    bs: 100,
    lr: { rate: 0.3, per: 0 },
    optimizer: OPTIMIZER,
  }),
  heads: (model) => [
    ...linearSpecs("pre_feature.0", backboneWidth(model), model.hidden),
    ...normSpecs("pre_feature.1", model.hidden),
    ...linearSpecs("projection.0", model.hidden, model.hidden),
    ...normSpecs("projection.1", model.hidden),
    ...linearSpecs("projection.3", model.hidden, model.embedding),
  ],
  hidden: { prefixes: ["pre_feature."], forward: preFeature },
  features: "head",
  protocol: "bag",
  microBatches: true,
  // One forward pass over all patches of all images, as in the authors' program.
  step({ scope, x, views: patches, model, loss, gather }) {
    const z = project(scope, preFeature(scope, resnet(scope, x, model)));
    const all = gather(z, patches);
    return { ...empSslLoss(all, { ...loss, patches }), kept: {} };
  },
};
