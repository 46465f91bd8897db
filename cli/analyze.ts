// `cairn analyze`: everything that there is to say about a configuration, sorted by place.

import { analyzeMesh } from '../generator/index.ts';
import { comparePlaces, placeFindings } from '../mesh/index.ts';
import { readConfiguration } from './configuration.ts';
import type { ConfigurationOptions } from './configuration.ts';
import { exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { countFindings, describeFinding, formatData, formatFinding } from './output.ts';
import type { DataFormat } from './output.ts';

/** The options of `cairn analyze`. */
export interface AnalyzeOptions extends ConfigurationOptions {
  readonly output: 'text' | DataFormat;
}

/** Exit code 1 when there is an error among the Findings; warnings alone are 0. */
export async function runAnalyze(options: AnalyzeOptions, io: Io): Promise<ExitCode> {
  const { mesh, locate, findings: found, objectCount, fileCount } = await readConfiguration(options, io);
  const findings = [...found, ...placeFindings(analyzeMesh(mesh), locate)].sort(comparePlaces);
  if (options.output === 'text') {
    for (const finding of findings) io.stdout.write(formatFinding(finding, io.isTty));
    const counts = countFindings(findings) ?? 'No findings';
    const files = `${fileCount} file${fileCount === 1 ? '' : 's'}`;
    io.stdout.write(`${counts} in ${objectCount} object${objectCount === 1 ? '' : 's'} of ${files}.\n`);
  } else {
    io.stdout.write(formatData(findings.map(describeFinding), options.output));
  }
  return findings.some(({ severity }) => severity === 'error') ? exitCodes.findings : exitCodes.success;
}
