/** A run as a picture: who answers how many calls, one panel per case. Pure; the same figures give the same bytes. */
import { CASES } from "./cases.ts";
import type { Medians } from "./metrics.ts";
import { figure } from "./report.ts";
import { WHO } from "./who.ts";

const PANELS = ["small-1", "small-64", "small-1024", "kb64-64"] as const;
const [WIDTH, LABEL, ROW, BAR, MARGIN] = [860, 210, 22, 14, 16];

/** SVG for light and dark pages alike. */
export function chart(medians: Medians): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const id of PANELS) {
    const row = medians[id];
    if (row === undefined) continue;
    const bars = WHO.flatMap((who) => {
      const value = row[who.id]?.perSecond;
      return value === undefined ? [] : [{ who, value }];
    }).toSorted((one, other) => other.value - one.value);
    const most = Math.max(...bars.map(({ value }) => value));
    y += ROW;
    parts.push(
      `<text class="title" x="${MARGIN}" y="${y}">${CASES.find((one) => one.id === id)?.title} in flight, calls per second</text>`,
    );
    y += ROW / 2;
    for (const { who, value } of bars) {
      const width = Math.max(1, Math.round((value / most) * (WIDTH - LABEL - 100)));
      const kind = who.id === "iris" ? "iris" : who.isFloor ? "floor" : "peer";
      parts.push(
        `<text x="${LABEL - 8}" y="${y + BAR - 2}" text-anchor="end">${escaped(who.title)}</text>`,
        `<rect class="${kind}" x="${LABEL}" y="${y}" width="${width}" height="${BAR}"/>`,
        `<text x="${LABEL + width + 6}" y="${y + BAR - 2}">${figure(value, "perSecond")}</text>`,
      );
      y += ROW;
    }
    y += MARGIN;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="12">
<title>Calls per second between two processes: Iris, floors (grey) and others</title>
<style>text{fill:#333}.title{font-size:14px;font-weight:600}.iris{fill:#0a7d5a}.floor{fill:#b0b0b0}.peer{fill:#5b7db1}@media(prefers-color-scheme:dark){text{fill:#ddd}.floor{fill:#777}}</style>
${parts.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
