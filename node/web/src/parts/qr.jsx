// SPDX-License-Identifier: Apache-2.0
// A QR code, drawn here: nothing outside is asked for it.
import { encode } from "uqr";

// Dark squares of one row that follow each other become one stroke.
function strokes(rows) {
  let d = "";
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      let n = 0;
      while (row[x + n]) n++;
      if (n) d += `M${x} ${y}h${n}v1h-${n}z`;
      x += n;
    }
  });
  return d;
}

export function Qr({ text, label }) {
  const code = encode(text, { ecc: "M", border: 4 });
  return (
    <svg class="qr" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect class="qr-light" width={code.size} height={code.size} />
      <path class="qr-dark" d={strokes(code.data)} />
    </svg>
  );
}
