// A Kubernetes cluster of one node on this machine, for tests: README.md beside this file.

import { constants } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { bringUp, clusterVariables, loadImage, runInCluster, shellQuoted, takeDown } from './cluster.ts';
import { missingPackages } from './requirements.ts';
import { ClusterError, Interruption, say } from './settings.ts';

const program = new Command('npm run cluster --')
  .description('A Kubernetes cluster of one node on this machine, for tests. Needs Linux and root.')
  .showHelpAfterError();
program.command('up').description('bring the cluster up, unless it is').action(bringUp);
program
  .command('down')
  .description('take it down with everything in it; the logs of its components stay')
  .action(takeDown);
program
  .command('run')
  .description(
    'bring it up for one command, in whose environment it is, and take it down when that ends, however it ends',
  )
  .argument('<command...>', 'after "--"')
  .action(async (command: readonly string[]) => {
    process.exitCode = await runInCluster(command);
  });
program
  .command('load')
  .description('give archives of images to the node, as `docker save` and `npm run images` write them')
  .argument('<archive...>')
  .action((archives: readonly string[]) => archives.forEach((archive) => loadImage(resolve(archive))));
program
  .command('env')
  .description('print the variables that make other commands use it: eval "$(npm run --silent cluster env)"')
  .action(() => {
    for (const [name, value] of Object.entries(clusterVariables())) {
      process.stdout.write(`export ${name}=${shellQuoted(value)}\n`);
    }
  });
program
  .command('packages')
  .description('print the Debian packages that a node needs and this machine lacks')
  .action(() => missingPackages().forEach((name) => process.stdout.write(`${name}\n`)));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Interruption) {
    process.exitCode = 128 + constants.signals[error.signal];
  } else if (error instanceof ClusterError) {
    say(error.message);
    process.exitCode = 1;
  } else throw error;
}
