// From the mesh to a node proxy's configuration, in one step.

import type { MeshSnapshot } from '../../mesh/index.ts';
import { collectFindings } from '../analyze/findings.ts';
import { renderNode } from '../render/node/node.ts';
import { type NodeOptions, resolveNode } from '../resolve/node/node.ts';
import type { Translation } from './waypoint.ts';

/**
 * Translates the whole mesh for the node proxy of one machine; clusters come before the listeners
 * that lead to them.
 */
export function translateNode(mesh: MeshSnapshot, options: NodeOptions): Translation {
  const found = collectFindings();
  return { resources: renderNode(resolveNode({ mesh, report: found.report }, options)), findings: found.list() };
}
