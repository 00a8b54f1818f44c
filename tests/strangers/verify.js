// A stranger's verifier: npm's @sigstore/verify (which checks every package of npm with provenance) over our proofs.
//
//   node verify.js FILE     {"key": base64 of the DER of an Ed25519 public key, "id": hexadecimal of its note key id,
//                            "proofs": [{"index", "size", "root", "leaf", "path": [...], "checkpoint"}]}, binary parts in base64
//
// "accepted N proofs", or "rejected: why" and code 1.
const fs = require('fs');
const crypto = require('crypto');
const path = require('path');
const inside = path.join(path.dirname(require.resolve('@sigstore/verify')), 'timestamp');
const { verifyMerkleInclusion } = require(path.join(inside, 'merkle.js'));
const { verifyCheckpoint } = require(path.join(inside, 'checkpoint.js'));

const bytes = (text) => Buffer.from(text, 'base64');

function entryOf(proof) {
  return {
    canonicalizedBody: bytes(proof.leaf),
    integratedTime: String(Math.floor(Date.now() / 1000)),
    inclusionProof: {
      logIndex: String(proof.index),
      treeSize: String(proof.size),
      rootHash: bytes(proof.root),
      hashes: proof.path.map(bytes),
      checkpoint: { envelope: proof.checkpoint },
    },
  };
}

function main(file) {
  const given = JSON.parse(fs.readFileSync(file, 'utf8'));
  const tlog = {
    logID: Buffer.from(given.id, 'hex'),
    publicKey: crypto.createPublicKey({ key: bytes(given.key), format: 'der', type: 'spki' }),
    validFor: { start: new Date(0), end: new Date(8e15) },
  };
  for (const proof of given.proofs) {
    const entry = entryOf(proof);
    verifyMerkleInclusion(entry);
    verifyCheckpoint(entry, [tlog]);
  }
  return given.proofs.length;
}

try {
  console.log('accepted', main(process.argv[2]), 'proofs');
} catch (error) {
  console.log('rejected:', error.message);
  process.exit(1);
}
