// Each stream of video as a row: how fast, how large, and how often it stood still.

const NONE = "none";

/** Gives a function that makes rows of a report, told from the report before; `rate` is pictures a second, received and sent. */
export function describe(nameOf) {
  let before = new Map();
  return (report) => {
    const rows = [];
    const latest = new Map();
    const rate = [0, 0];
    for (const stat of report.values()) {
      const sent = stat.type === "outbound-rtp";
      if (stat.kind !== "video" || !(sent || stat.type === "inbound-rtp")) continue;
      const frames = (sent ? stat.framesSent : stat.framesDecoded) ?? 0;
      const bytes = (sent ? stat.bytesSent : stat.bytesReceived) ?? 0;
      // A slot in which nobody has been seen says nothing.
      if (frames === 0) continue;
      latest.set(stat.id, { frames, bytes, at: stat.timestamp });
      const old = before.get(stat.id);
      const seconds = old ? Math.max((stat.timestamp - old.at) / 1000, 0.001) : null;
      const perSecond = seconds ? (frames - old.frames) / seconds : 0;
      rate[sent ? 1 : 0] += perSecond;
      const codec = report.get(stat.codecId)?.mimeType?.replace("video/", "") ?? "";
      rows.push({
        id: stat.id,
        cells: [
          `${nameOf(stat.mid, sent)}${codec && `, ${codec}`}`,
          seconds ? perSecond.toFixed(0) : NONE,
          seconds ? (((bytes - old.bytes) * 8) / 1000 / seconds).toFixed(0) : NONE,
          stat.frameWidth ? `${stat.frameWidth} x ${stat.frameHeight}` : NONE,
          sent ? "" : `${stat.freezeCount ?? 0}, ${(stat.totalFreezesDuration ?? 0).toFixed(1)} s`,
          String((sent ? stat.keyFramesEncoded : stat.keyFramesDecoded) ?? 0),
          String(stat.pliCount ?? 0),
        ],
      });
    }
    before = latest;
    return { rows, rate };
  };
}
