// The command line: names, options and help of every command. The code of a command is loaded when
// it is called.

import { Command, CommanderError, Option } from 'commander';
import { version } from '../templates/index.ts';
import type { AnalyzeOptions } from './analyze.ts';
import { addClusterOptions } from './cluster-options.ts';
import type { CertificateOptions } from './certificate.ts';
import type { DemoOptions } from './demo/command.ts';
import { durationOption } from './duration.ts';
import { addInstallCommand } from './install/command.ts';
import type { ClusterChoice } from './controller.ts';
import { addControllerOptions } from './controller-options.ts';
import type { ControllerOptions } from './controller-options.ts';
import { CommandError, exitCodes, isForeseen } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { addProxyCommands } from './proxy-config/command.ts';
import type { RunOptions } from './run.ts';
import type { TranslateOptions } from './translate.ts';
import { addWaypointCommands } from './waypoint/command.ts';

/**
 * Runs the command that the arguments (without interpreter and script) name, and returns its exit
 * code; failures are printed.
 */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.success;
  const program = createProgram(io, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 1 ? exitCodes.failure : error.exitCode;
    io.stderr.write(`cairn: ${describeError(error)}\n`);
    return error instanceof CommandError ? error.exitCode : exitCodes.failure;
  }
}

/**
 * Foreseen failures are printed without a stack, with their causes. Any other error is a fault of
 * Cairn, and is printed with its stack.
 */
function describeError(error: unknown): string {
  if (!isForeseen(error)) {
    const where = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `this is a fault of Cairn, and not of what it was given:\n${where}`;
  }
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!error.message.includes(cause.message)) causes.push(cause.message);
  }
  return [error.message, ...causes].join(': ');
}

/** The commands with their options; `done` is called with the exit code. */
export function createProgram(io: Io, done: (code: ExitCode) => void): Command {
  const program = new Command('cairn')
    .description('A waypoint control plane: mesh configuration in, unmodified upstream Envoy out.')
    .version(version, '-v, --version')
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(add --help for the options)')
    .enablePositionalOptions()
    .exitOverride();
  addOfflineCommands(program, io, done);
  addRunningCommands(program, io, done);
  addWaypointCommands(program, io, done);
  addProxyCommands(program, io, done);
  addInstallCommand(program, io, done);
  return program;
}

function addOfflineCommands(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const files = (): Option =>
    new Option('-f, --filename <path...>', 'file or directory of manifests; - is the standard input');
  const block = (): Option =>
    new Option('--address-block <cidr>', 'where addresses that the manifests leave open come from').default(
      '127.64.0.0/16',
    );
  program
    .command('translate')
    .summary('print the Envoy resources of manifests')
    .description(
      'Prints the Envoy resources of each waypoint exactly as they would be served, by type. Needs no network.',
    )
    .addOption(files().makeOptionMandatory())
    .option('--gateway <namespace/name>', 'this waypoint only')
    .option('--node', 'also the node proxy of `cairn run`')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['yaml', 'json']).default('yaml'))
    .option('--bootstrap', 'one static file that `envoy -c` runs, with everything inlined')
    .option(
      '--certs <dir>',
      'certificates of the static file: cert-chain.pem, key.pem, root-cert.pem; made when missing',
    )
    .addOption(block())
    .action(async (options: TranslateOptions) => {
      const { runTranslate } = await import('./translate.ts');
      done(await runTranslate(options, io));
    });
  const analyze = program
    .command('analyze')
    .summary('report what is wrong with manifests, or with a cluster')
    .description(
      'Reports everything there is to say about manifests, or without --filename about a cluster, sorted by place. Manifests need no network.',
    )
    .addOption(files())
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'yaml', 'json']).default('text'))
    .addOption(block())
    .option('-A, --all-namespaces', 'about all namespaces of the cluster')
    .option('--gateway-class <name>', 'the class of waypoints in the cluster (default: "istio-waypoint")')
    .addHelpText('after', '\nExit status: 0 no errors, 1 errors were found, 2 the command could not run.')
    .action(async (options: AnalyzeOptions) => {
      const { runAnalyze } = await import('./analyze.ts');
      done(await runAnalyze(options, io));
    });
  addClusterOptions(analyze);
}

function addRunningCommands(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const state = (): Option =>
    new Option('--state <dir>', 'what a run keeps: authority, tokens, addresses, proxies').makeOptionMandatory();
  program
    .command('run')
    .summary('run the mesh of a directory of manifests on this machine')
    .description(
      'Runs the control plane on a directory of manifests, which is watched, with a real Envoy for each waypoint and one for the node.',
    )
    .requiredOption('--config <dir>', 'directory of manifests')
    .addOption(state())
    .option(
      '--address-block <cidr>',
      'addresses of this run, 127.B.0.0/16; the same as last time, or the first free one',
    )
    .option('--admin-port <port>', 'port of the admin HTTP server on 127.0.0.1; 0 is a free one', '0')
    .option('--allow-private-jwks', 'fetch the keys of `jwksUri` from private, loopback and link-local addresses too')
    .addOption(
      durationOption('--jwks-refresh', 'how often the keys of `jwksUri` are fetched again', {
        from: '1s',
        to: '24h',
        default: '20m',
      }),
    )
    .action(async (options: RunOptions) => {
      const { runRun } = await import('./run.ts');
      done(await runRun(options, io));
    });
  program
    .command('demo')
    .summary('Bookinfo behind a real waypoint, on this machine')
    .description('Runs the Bookinfo example behind a real waypoint, and prints commands to try.')
    .option('--once', 'walk the tour, check every step, and end')
    .option('--address-block <cidr>', 'addresses of this run, 127.B.0.0/16; the first free one unless given')
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import('./demo/command.ts');
      done(await runDemo(options, io));
    });
  program
    .command('certificate')
    .summary('issue a client certificate')
    .description("Issues a certificate of a run's own authority, for people and tests.")
    .requiredOption('--service-account <namespace/name>', 'whose certificate')
    .requiredOption('--out <dir>', 'where to write cert-chain.pem, key.pem and root-cert.pem')
    .addOption(state())
    .addOption(durationOption('--ttl', 'how long it lives', { from: '1s', to: '90d', default: '24h' }))
    .action(async (options: CertificateOptions) => {
      const { runCertificate } = await import('./certificate.ts');
      done(await runCertificate(options, io));
    });
  const controller = program
    .command('controller')
    .summary('run the control plane of a cluster (what its pods start)')
    .description(
      'Follows a cluster, serves its waypoints, and deploys them. Settings come from flags or, in a pod, from the environment.',
    )
    .option('--kubeconfig <file>', 'instead of $KUBECONFIG, ~/.kube/config or the pod that this runs in')
    .option('--context <name>', 'of the kubeconfig');
  addControllerOptions(controller);
  controller.action(async (options: ControllerOptions & ClusterChoice) => {
    const { runController } = await import('./controller.ts');
    done(await runController(options, io));
  });
  program
    .command('agent')
    .summary('run beside one Envoy (what a proxy container starts)')
    .description(
      'Gets the certificates of one proxy, starts its Envoy and watches over it. `cairn agent --help` lists its flags.',
    )
    // The agent knows its flags, and prints their help.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .argument('[flags...]')
    .action(async (flags: readonly string[]) => {
      const { runAgentCommand } = await import('./agent.ts');
      done(await runAgentCommand(flags, io));
    });
}
