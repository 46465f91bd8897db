// `cairn analyze`: all Findings about a configuration, of files or of a cluster, sorted by place.

import { analyzeMesh } from '../generator/index.ts';
import { readClusterMesh } from '../gateway-controller/index.ts';
import { comparePlaces, defaultMeshSettings, placeFindings } from '../mesh/index.ts';
import type { PlacedFinding } from '../mesh/index.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { readConfiguration } from './configuration.ts';
import type { ConfigurationOptions } from './configuration.ts';
import { CommandError, exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { countFindings, describeFinding, formatData, formatFinding } from './output.ts';
import type { DataFormat } from './output.ts';

/** The options of `cairn analyze`. */
export interface AnalyzeOptions extends Partial<ConfigurationOptions>, ClusterOptions {
  /** Of a cluster: not one namespace alone. */
  readonly allNamespaces?: boolean;
  /** The class of waypoints, when it is not the usual one. */
  readonly gatewayClass?: string;
  readonly output: 'text' | DataFormat;
}

interface Analysis {
  readonly findings: readonly PlacedFinding[];
  readonly objectCount: number;
  /** The place of the objects: `3 files`, or `namespace shop`. */
  readonly where: string;
}

/** Exit code 1 when there is an error among the Findings; warnings alone are 0. */
export async function runAnalyze(options: AnalyzeOptions, io: Io): Promise<ExitCode> {
  const { filename, output } = options;
  const analysis =
    filename === undefined ? await analyzeCluster(options, io) : await analyzeFiles({ ...options, filename }, io);
  const findings = [...analysis.findings].sort(comparePlaces);
  if (output === 'text') {
    for (const finding of findings) io.stdout.write(formatFinding(finding, io.isTty));
    const counts = countFindings(findings) ?? 'No findings';
    const { objectCount, where } = analysis;
    io.stdout.write(`${counts} in ${objectCount} object${objectCount === 1 ? '' : 's'} of ${where}.\n`);
  } else {
    io.stdout.write(formatData(findings.map(describeFinding), output));
  }
  return findings.some(({ severity }) => severity === 'error') ? exitCodes.findings : exitCodes.success;
}

async function analyzeFiles(options: AnalyzeOptions & ConfigurationOptions, io: Io): Promise<Analysis> {
  const clusterOnly = ['kubeconfig', 'context', 'namespace', 'allNamespaces'] as const;
  if (clusterOnly.some((name) => options[name] !== undefined)) {
    throw new CommandError('--filename analyzes files alone: leave out the options that choose a cluster or namespace');
  }
  const { mesh, locate, findings, objectCount, fileCount } = await readConfiguration(options, io, {
    expectsPods: true,
  });
  return {
    findings: [...findings, ...placeFindings(analyzeMesh(mesh), locate)],
    objectCount,
    where: `${fileCount} file${fileCount === 1 ? '' : 's'}`,
  };
}

/**
 * The command reads all of the cluster, since a namespace has no meaning of its own; it reports on
 * one namespace or on all.
 */
async function analyzeCluster(options: AnalyzeOptions, io: Io): Promise<Analysis> {
  const { withCluster } = await import('./cluster.ts');
  return await withCluster(options, io, async ({ client, namespace }) => {
    const { gatewayClass: waypointClass = defaultMeshSettings.waypointClass } = options;
    const { mesh, findings, objectCount } = await readClusterMesh(client, { ...defaultMeshSettings, waypointClass });
    const isWanted = ({ ref }: PlacedFinding): boolean =>
      options.allNamespaces === true ||
      ref.namespace === namespace ||
      (ref.kind === 'Namespace' && ref.name === namespace);
    return {
      findings: [...findings, ...analyzeMesh(mesh)].filter(isWanted),
      objectCount,
      where: options.allNamespaces === true ? 'the cluster' : `the cluster, about namespace ${namespace}`,
    };
  });
}
