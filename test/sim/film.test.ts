import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, inflateSync } from "node:zlib";
import { cameraOf } from "../../src/sim/camera.ts";
import { type Film, recordFilm } from "../../src/sim/film.ts";
import { filmPng } from "../../src/sim/film-png.ts";
import { filmSvg } from "../../src/sim/film-svg.ts";
import { Palette, Raster } from "../../src/sim/raster.ts";
import { textWidth, write } from "../../src/sim/stroke-font.ts";
import { elementsOf } from "../learn/xml.ts";
import { rolling } from "./rolling.ts";

const still = (): void => {};
const request = { seed: 1, seconds: 2, framesPerSecond: 25 };
const shot = (speed: number, fallsAfter?: number): Promise<Film> =>
  recordFilm(rolling(speed, fallsAfter), still, request);

test("a film takes a picture every so many steps, and tells its own rate", async () => {
  const film = await shot(1);
  assert.equal(film.framesPerSecond, 25);
  assert.equal(film.frames.length, 51);
  assert.deepEqual(
    film.frames.slice(0, 3).map(({ seconds, return: total }) => [seconds, total]),
    [
      [0, 0],
      [0.04, -3],
      [0.08, -6],
    ],
  );
  assert.equal(film.end, "cut");
  const slow = await recordFilm(rolling(1), still, { ...request, framesPerSecond: 20 });
  assert.ok(slow.framesPerSecond <= 20, `${slow.framesPerSecond}`);
});

test("a film ends with its episode, on a picture of the end", async () => {
  const film = await shot(1, 7);
  assert.equal(film.end, "terminated");
  assert.equal(film.frames.at(-1)!.seconds, 0.14);
  assert.equal(film.frames.length, 5);
});

test("a task without a scene is refused by name", async () => {
  const { makeEnv, ...rest } = rolling(1);
  const blind = { ...rest, makeEnv: () => ({ ...makeEnv(), scene: () => undefined as never }) };
  await assert.rejects(recordFilm(blind, still, request), {
    code: "environment",
    message: /rolling has no scene/,
  });
});

test("the camera stands where everything fits, and goes along where the body leaves", async () => {
  const standing = cameraOf(await shot(0.2));
  assert.equal(new Set(standing.centres.map(String)).size, 1);
  const film = await shot(10);
  const { centres, scale, width } = cameraOf(film);
  film.frames.forEach(({ shapes }, at) => {
    const body = shapes[3];
    assert.ok(body.kind === "capsule");
    for (const [x] of [body.from, body.to]) {
      assert.ok(Math.abs(x - centres[at][0]) * scale < width / 2, `picture ${at}`);
    }
  });
});

/** The numbers of the animation of `type` in the group that holds the body, one row a picture. */
function trackOf(svg: string, type: string): number[][] {
  const body = svg.slice(0, svg.indexOf('class="b2" stroke'));
  const found = [...body.matchAll(new RegExp(`type="${type}" values="([^"]+)"`, "g"))].at(-1)!;
  return found[1].split(";").map((each) => each.split(" ").map(Number));
}

test("the SVG is well-formed, asks for nothing, and its body moves as the world's", async () => {
  const film = await shot(10);
  const svg = filmSvg(film);
  elementsOf(svg);
  assert.doesNotMatch(svg.replace("http://www.w3.org/2000/svg", ""), /https?:|<script|@import/);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.doesNotMatch(svg, /NaN|undefined/);
  const { scale } = cameraOf(film);
  const places = trackOf(svg, "translate");
  const angles = trackOf(svg, "rotate");
  // 25 pictures are a second: 10 m on, and a turn against the clock, which SVG counts as negative.
  assert.ok(Math.abs(places[25][0] - places[0][0] - 10 * scale) < 0.2);
  assert.ok(Math.abs(angles[25][0] - angles[0][0] + 360) < 0.2, "no jump at half a turn");
  assert.ok(angles.every(([angle], at) => at === 0 || Math.abs(angle - angles[at - 1][0]) < 20));
  // Two seconds, and the last picture stands for 0.8 s more.
  assert.match(svg, /dur="2.8s"/);
  assert.equal(places.length, 71);
});

test("ten seconds at 25 pictures a second stay small", async () => {
  const film = await recordFilm(rolling(3), still, { ...request, seconds: 10 });
  assert.ok(filmSvg(film).length < 25_000);
  assert.ok(filmPng(film).length < 700_000);
});

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const buffer = Buffer.from(bytes);
  assert.equal(buffer.subarray(0, 8).toString("latin1"), "\x89PNG\r\n\x1a\n");
  const chunks: Chunk[] = [];
  for (let at = 8; at < buffer.length; ) {
    const end = at + 8 + buffer.readUInt32BE(at);
    assert.equal(buffer.readUInt32BE(end), crc32(buffer.subarray(at + 4, end)));
    chunks.push({
      type: buffer.toString("latin1", at + 4, at + 8),
      data: buffer.subarray(at + 8, end),
    });
    at = end + 4;
  }
  return chunks;
}

/** What an APNG shows, picture after picture, read as its specification says: 0xrrggbb a pixel. */
function picturesOf(bytes: Uint8Array): Uint32Array[] {
  const chunks = chunksOf(bytes);
  const width = chunks[0].data.readUInt32BE(0);
  const palette = chunks.find(({ type }) => type === "PLTE")!.data;
  const canvas = new Uint32Array(width * chunks[0].data.readUInt32BE(4));
  const pictures: Uint32Array[] = [];
  let [wide, tall, left, top, sequence] = [0, 0, 0, 0, 0];
  for (const { type, data } of chunks) {
    if (type === "fcTL" || type === "fdAT") assert.equal(data.readUInt32BE(0), sequence++);
    if (type === "fcTL")
      [wide, tall, left, top] = [4, 8, 12, 16].map((at) => data.readUInt32BE(at));
    if (type !== "IDAT" && type !== "fdAT") continue;
    const rows = inflateSync(type === "IDAT" ? data : data.subarray(4));
    assert.equal(rows.length, tall * (wide + 1));
    for (let y = 0; y < tall; y++) {
      assert.equal(rows[y * (wide + 1)], 0);
      for (let x = 0; x < wide; x++) {
        const index = rows[y * (wide + 1) + 1 + x];
        canvas[(top + y) * width + left + x] = palette.readUIntBE(index * 3, 3);
      }
    }
    pictures.push(canvas.slice());
  }
  return pictures;
}

test("the APNG shows every picture, in its time, for ever", async () => {
  const film = await shot(10);
  const bytes = filmPng(film);
  const chunks = chunksOf(bytes);
  const of = (wanted: string): Buffer[] =>
    chunks.filter(({ type }) => type === wanted).map(({ data }) => data);
  assert.deepEqual([...of("acTL")[0]], [0, 0, 0, 51, 0, 0, 0, 0]);
  const delays = of("fcTL").map((data) => [data.readUInt16BE(20), data.readUInt16BE(22)]);
  assert.deepEqual(delays[0], [40, 1000]);
  assert.deepEqual(delays.at(-1), [800, 1000]);
  assert.equal(picturesOf(bytes).length, 51);
});

test("the pixels of the APNG are where the world's shapes are", async () => {
  const film = await shot(0.2);
  const pictures = picturesOf(filmPng(film));
  const { scale, width, height, centres } = cameraOf(film);
  const pixel = (picture: Uint32Array, x: number, y: number): number => {
    const column = Math.floor(width / 2 + (x - centres[0][0]) * scale);
    return picture[Math.floor(height / 2 - (y - centres[0][1]) * scale) * width + column];
  };
  const [body, target, paper] = [0x2f6bd8, 0xd9730d, 0xfafbfc];
  assert.equal(pixel(pictures[0], 0.4, 1), body);
  assert.equal(pixel(pictures[0], 0, 1.35), paper);
  // A quarter of a turn, not a multiple of the pictures' time: 6 pictures are 0.24 s.
  assert.equal(pixel(pictures[6], 0.05, 1.4), body);
  assert.equal(pixel(pictures[6], -0.4, 1), paper);
  for (const picture of pictures) assert.equal(pixel(picture, 0.1, 0.15), target);
});

test("a capsule covers its area, an edge through a pixel's middle half of it", () => {
  const raster = new Raster(60, 40);
  raster.capsule(20, 20, 40, 20, 8, 255);
  const covered = raster.pixels.reduce((sum, blue) => sum + blue / 255, 0);
  const area = 20 * 16 + Math.PI * 64;
  assert.ok(Math.abs(covered - area) < 0.01 * area, `${covered}, not ${area}`);
  assert.equal(raster.pixels[20 * 60 + 30], 255);
  assert.equal(raster.pixels[5 * 60 + 30], 0);
  const half = new Raster(4, 4);
  half.capsule(-10, -8.5, 14, -8.5, 10, 0xff0000);
  assert.equal(half.pixels[4], 0x800000);
});

test("shapes that leave the picture are cut off, not wrapped around", () => {
  const raster = new Raster(10, 10);
  raster.capsule(12, 5, 30, 5, 1, 255);
  raster.fill(-5, 20, 50, 30, 255);
  raster.fill(-5, -5, -1, 3, 255);
  assert.ok(raster.pixels.every((pixel) => pixel === 0));
});

test("the 257th colour becomes the nearest that there is", () => {
  const palette = new Palette();
  for (let level = 0; level < 256; level++) assert.equal(palette.indexOf(level << 16), level);
  assert.equal(palette.indexOf((100 << 16) | 3), 100);
  assert.equal(palette.colours.length, 256);
});

test("each character has a shape of its own, inside its width", () => {
  const shapes = new Set<string>();
  const characters = "0123456789abcdefghijklmnopqrstuvwxyz-.,:/";
  for (const character of characters) {
    const raster = new Raster(12, 14);
    write(raster, character, [2, 9], 1, 255);
    shapes.add(raster.pixels.join(""));
  }
  assert.equal(shapes.size, characters.length);
  assert.equal(textWidth("ab", 2), 2 * (6.2 + 4));
});
