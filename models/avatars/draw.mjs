// Draws pixel-art avatars of which it is known exactly what they show: PNG files and a labels.csv, as `atu pretrain`,
// `atu train-classifier` and `atu reference` take them.
//
//   npm ci && node draw.mjs <folder> [count 12000] [seed 1]
//
// The design is "Pixel Art" by DiceBear, CC0 1.0. Whether an avatar has an attribute is tossed apart from all others. An avatar whose
// beard or glasses can hardly be seen (a beard is drawn in the colour of the hair, translucent) is drawn again from other seeds.
import { createAvatar } from '@dicebear/core';
import * as pixelArt from '@dicebear/pixel-art';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

const size = 32;
const designSize = 16;
const background = '#e8eef2';
const shares = { glasses: 0.3, hat: 0.25, beard: 0.25, 'long-hair': 0.35 };
const seen = { pixels: 6, difference: 48 };   // of the design's 256 pixels, and of a colour channel's 255

const [folder, count = '12000', seed = '1'] = process.argv.slice(2);
if (!folder || !(Number(count) > 0)) {
  console.error('usage: node draw.mjs <folder> [count] [seed]');
  process.exit(2);
}

const hair = pixelArt.schema.properties.hair.default;
const random = generator(Number(seed));
await mkdir(folder, { recursive: true });
const rows = [`file,${Object.keys(shares).join(',')}`];
for (let number = 0; number < Number(count); number++) {
  const shows = Object.fromEntries(Object.entries(shares).map(([attribute, share]) => [attribute, random() < share]));
  const file = `${String(number).padStart(6, '0')}.png`;
  await image(svg(await clearlyVisible(number, shows), shows), size).png().toFile(join(folder, file));
  rows.push([file, ...Object.values(shows).map(Number)].join(','));
  if ((number + 1) % 1000 === 0) console.error(`${number + 1} of ${count}`);
}

await writeFile(join(folder, 'labels.csv'), rows.join('\n') + '\n');
for (const [column, attribute] of Object.keys(shares).entries())
  console.log(`${attribute}: ${rows.slice(1).filter(row => row.split(',')[column + 1] === '1').length} of ${count}`);

async function clearlyVisible(number, shows) {
  for (let attempt = 0; ; attempt++) {
    const name = `${seed}-${number}-${attempt}`;
    let visible = true;
    for (const attribute of ['glasses', 'beard'])
      visible &&= !shows[attribute] || await changed(svg(name, shows), svg(name, { ...shows, [attribute]: false })) >= seen.pixels;
    if (visible) return name;
  }
}

async function changed(one, other) {
  const [a, b] = await Promise.all([one, other].map(drawing => image(drawing, designSize).removeAlpha().raw().toBuffer()));
  let pixels = 0;
  for (let start = 0; start < a.length; start += 3)
    if ([0, 1, 2].some(channel => Math.abs(a[start + channel] - b[start + channel]) >= seen.difference)) pixels++;
  return pixels;
}

function image(drawing, pixels) {
  return sharp(Buffer.from(drawing)).resize(pixels, pixels, { kernel: 'nearest' }).flatten({ background });
}

function svg(name, shows) {
  return createAvatar(pixelArt, {
    seed: name,
    glassesProbability: shows.glasses ? 100 : 0,
    hatProbability: shows.hat ? 100 : 0,
    beardProbability: shows.beard ? 100 : 0,
    accessoriesProbability: 0,
    hair: hair.filter(variant => variant.startsWith('long') === shows['long-hair']),
  }).toString();
}

// Numerical Recipes' 32-bit linear congruential generator; its upper bits are uniform enough to toss coins with.
function generator(start) {
  let state = start >>> 0;
  for (let i = 0; i < 16; i++) next();
  return next;
  function next() {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  }
}
