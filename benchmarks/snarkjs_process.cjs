// Runs in a process of its own: snarkjs is under the GPL. Arguments: the folder of snarkjs, then a .zkey, a .wtns, and
// where to write proof and public signals. What `snarkjs groth16 prove` does, on one thread.
const { writeFileSync } = require("fs");
const [snarkjs, zkey, wtns, proofPath, publicPath] = process.argv.slice(2);

require(snarkjs)
  .groth16.prove(zkey, wtns, undefined, { singleThread: true })
  .then(({ proof, publicSignals }) => {
    writeFileSync(proofPath, JSON.stringify(proof, null, 1));
    writeFileSync(publicPath, JSON.stringify(publicSignals, null, 1));
    process.exit(0);
  });
