// SPDX-License-Identifier: Apache-2.0
// Hours that pass in a moment, for every program a test starts from now on (tests/support/jump.c).
import fs from 'node:fs';
import path from 'node:path';
import { SANJI } from './node.mjs';

export class Clock {
  constructor(dir) {
    this.file = path.join(dir, 'clock');
    this.ms = 0;
    fs.writeFileSync(this.file, Buffer.alloc(8));
    process.env.SANJI_TEST_CLOCK = this.file;
    process.env.LD_PRELOAD = process.env.SANJI_JUMP ?? path.join(path.dirname(SANJI), 'tests/libjump.so');
  }
  // What is started from here on has the machine's time.
  rest() {
    delete process.env.SANJI_TEST_CLOCK;
    delete process.env.LD_PRELOAD;
  }
  // Written in place: the programs have the file mapped.
  jump(hours) {
    this.ms += hours * 3600000;
    const b = Buffer.alloc(8);
    b.writeBigInt64LE(BigInt(this.ms));
    const fd = fs.openSync(this.file, 'r+');
    fs.writeSync(fd, b, 0, 8, 0);
    fs.closeSync(fd);
  }
}
