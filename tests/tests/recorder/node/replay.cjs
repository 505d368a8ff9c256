// Reads user flows as Chrome's replayer does: a list of them on the standard input, each as it is
// read on the standard output. NODE_PATH leads to the packages.
const { createRunner, parse, RunnerExtension } = require("@puppeteer/replay");

// Goes through the steps, and does none of them.
class Walk extends RunnerExtension {
  constructor(walked) {
    super();
    this.walked = walked;
  }

  async runStep(step) {
    this.walked.push(step.type);
  }
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const read = [];
  for (const { name, flow } of JSON.parse(Buffer.concat(chunks).toString())) {
    try {
      const parsed = parse(flow);
      const walked = [];
      await (await createRunner(parsed, new Walk(walked))).run();
      read.push({ flow: parsed, walked });
    } catch (error) {
      throw new Error(`${name}: ${error.message}`);
    }
  }
  process.stdout.write(JSON.stringify(read));
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
