// `cairn waypoint`: names, options and help of its verbs, which are istioctl's.

import { Command, Option } from 'commander';
import { addClusterOptions } from '../cluster-options.ts';
import { durationOption } from '../duration.ts';
import { exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { exitAsIstioctl, fail, runAsIstioctl } from '../istioctl.ts';
import type { ApplyOptions, GenerateOptions } from './apply.ts';
import type { DeleteOptions } from './delete.ts';
import { defaultClass, defaultName } from './gateway.ts';
import type { ListOptions, StatusOptions } from './list.ts';

/** Adds `waypoint` with its verbs. */
export function addWaypointCommands(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const waypoint = program
    .command('waypoint')
    .summary('manage the waypoints of a cluster')
    .description('Creates, lists, watches and deletes waypoints: Gateways whose proxies Cairn runs and configures.')
    .usage('<verb> [options]');
  exitAsIstioctl(waypoint);
  const verb = (name: string, summary: string): Command => {
    const command = new Command(name).summary(summary).description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`);
    command.copyInheritedSettings(waypoint);
    waypoint.addCommand(command);
    return command;
  };
  const gatewayClass = (): Option =>
    new Option('--gateway-class <name>', 'the class whose Gateways are waypoints').default(defaultClass);
  const name = (): Option => new Option('--name <name>', `the waypoint's name (default: "${defaultName}")`);
  const serviceAccount = (): Option =>
    new Option('--service-account <name>', 'the waypoint of one service account, as in Istio 1.18');
  const data = (): Option => new Option('-o, --output <format>', 'data for scripts').choices(['yaml', 'json']);
  const timeout = (): Option =>
    durationOption('--waypoint-timeout', 'how long to wait until it is programmed', {
      from: '0s',
      to: '24h',
      default: '90s',
      exitCode: exitCodes.findings,
    });
  const manifest = (command: Command): Command =>
    command
      .addOption(name())
      .option('--for <type>', 'what goes through it: service, workload, all or none')
      .option('-r, --revision <revision>', 'the control plane revision that runs it')
      .addOption(serviceAccount())
      .addOption(gatewayClass());

  manifest(verb('generate', 'print the manifest of a waypoint'))
    .option('-n, --namespace <namespace>', 'the namespace that the manifest names; none unless given')
    .addOption(data().default('yaml'))
    .action(async (options: GenerateOptions) => {
      const { runGenerate } = await import('./apply.ts');
      done(runGenerate(options, io));
    });
  addClusterOptions(manifest(verb('apply', 'apply a waypoint to the cluster')))
    .option('--enroll-namespace', 'label the namespace, so that its services go through the waypoint')
    .option('--overwrite', 'with --enroll-namespace: also when the namespace is enrolled in another waypoint')
    .option('-w, --wait', 'wait until the waypoint is programmed')
    .addOption(timeout())
    .addOption(data())
    .action(async (options: ApplyOptions) => {
      const { runApply } = await import('./apply.ts');
      done(await runAsIstioctl(runApply(options, io)));
    });
  addClusterOptions(verb('list', 'list waypoints'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(gatewayClass())
    .addOption(data())
    .action(async (options: ListOptions) => {
      const { runList } = await import('./list.ts');
      done(await runAsIstioctl(runList(options, io)));
    });
  addClusterOptions(verb('status', 'show whether waypoints are programmed'))
    .argument('[waypoint...]')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(name())
    .option('-w, --wait [boolean]', 'wait until they are (--wait=false shows them as they are)', readBoolean, true)
    .addOption(timeout())
    .addOption(gatewayClass())
    .addOption(data())
    .action(async (extra: readonly string[], options: StatusOptions) => {
      if (extra[0] !== undefined) fail(`unknown subcommand "${extra[0]}"`);
      const { runStatus } = await import('./list.ts');
      done(await runAsIstioctl(runStatus(options, io)));
    });
  addClusterOptions(verb('delete', 'delete waypoints'))
    .argument('[waypoint...]', 'names')
    .option('--all', 'all of the namespace')
    .option('-r, --revision <revision>', 'all of a control plane revision')
    .addOption(serviceAccount())
    .addOption(gatewayClass())
    .action(async (names: readonly string[], options: DeleteOptions) => {
      const { runDelete } = await import('./delete.ts');
      done(await runAsIstioctl(runDelete(names, options, io)));
    });
}

function readBoolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') fail(`invalid argument "${text}" for "-w, --wait" flag: use true or false`);
  return text === 'true';
}
