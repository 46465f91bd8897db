// `cairn install`: its options, which are the settings of an installation under the names of flags.

import { Option } from 'commander';
import type { Command } from 'commander';
import { addClusterOptions } from '../cluster-options.ts';
import { durationOption } from '../duration.ts';
import type { ExitCode, Io } from '../io.ts';
import type { InstallOptions } from './install.ts';

/** Adds the command. */
export function addInstallCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  addClusterOptions(
    program
      .command('install')
      .summary('install the control plane in a cluster')
      .description(
        'Applies the control plane to a cluster, prints it, or writes it as a Helm chart or kustomize base.',
      ),
    'cairn-system',
  )
    .addOption(new Option('-o, --output <format>', 'print the objects, and touch no cluster').choices(['yaml', 'json']))
    .option('--dry-run', 'let the API server check everything, show what would change, and change nothing')
    .option('--reset', 'forget the options that the installed control plane was given, which are kept otherwise')
    .option('--values <file>', "settings from a file, by the names of the Helm chart's values; flags go over it")
    .option(
      '--uninstall',
      'remove this installation, waypoints too; the namespace and its authority stay, as do Gateways and other configuration',
    )
    .option('--purge', 'with --uninstall: remove the namespace and the key of the authority in it, too')
    .option('-y, --yes', 'with --uninstall: do not ask')
    .option('--helm <dir>', 'write a Helm chart into a directory, and touch no cluster')
    .option('--kustomize <dir>', 'write a kustomize base into a directory, and touch no cluster')
    .option('-w, --wait', 'wait until the control plane runs')
    .addOption(durationOption('--timeout', 'how long to wait', { from: '1s', to: '24h', default: '5m' }))
    .option('--image <image>', 'of the control plane')
    .option('--waypoint-image <image>', 'of waypoints')
    .option('--image-pull-policy <policy>', 'Always, IfNotPresent or Never')
    .option('--replicas <count>', 'of the control plane, 1 to 20')
    .option('--gateway-class <name>', 'whose Gateways are waypoints of this control plane')
    .option('--controller-name <name>', 'of that class')
    .option('--revision <name>', 'only Gateways and namespaces with this istio.io/rev')
    .option('--trust-domain <domain>', 'of the identities in the mesh')
    .option('--cluster-domain <domain>', 'the DNS suffix of Services')
    .option('--cluster-id <id>', 'the name of this cluster in the mesh')
    .option('--network <name>', 'the network of this cluster')
    .option('--root-namespace <namespace>', "whose policies are the whole mesh's")
    .option('--ca <kind>', "who signs certificates: cairn, or istiod where it is the mesh's authority")
    .option('--ca-address <host:port>', 'of istiod')
    .option('--private-jwks <what>', 'deny or allow: fetch keys of `jwksUri` from private addresses')
    .option('--log-level <level>', 'debug, info, warn or error')
    .option('--webhook-failure-policy <policy>', 'when the webhook does not answer: Ignore or Fail')
    .addHelpText('after', '\ndocs/guide/install.md explains the settings.')
    .action(async (options: InstallOptions) => {
      const { runInstall } = await import('./install.ts');
      done(await runInstall(options, io));
    });
}
