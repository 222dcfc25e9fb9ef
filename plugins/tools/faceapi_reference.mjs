// Run the original face-api in node and write the reference values of tests/reference/faceapi.json.
//
//   npm install @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
//   python plugins/tools/faceapi_inputs.py inputs
//   node plugins/tools/faceapi_reference.mjs node_modules inputs tests/reference/faceapi.json
//
// faceapi_inputs.py draws the pictures (raw RGB, so that no decoder stands between the two sides).
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [modules, inputs, output] = process.argv.slice(2).map((p) => path.resolve(p));
const require = createRequire(path.join(modules, 'any.js'));
const home = path.join(modules, '@vladmandic', 'face-api');
const faceapi = require(path.join(home, 'dist', 'face-api.node-wasm.js')); // the build for node that needs no compiled tfjs-node
const tf = require('@tensorflow/tfjs');

await tf.setBackend('cpu');
await tf.ready();

async function load(net, name) {
  const manifest = JSON.parse(fs.readFileSync(path.join(home, 'model', `${name}_model-weights_manifest.json`)));
  const read = async (files) => files.map((f) => new Uint8Array(fs.readFileSync(f)).buffer);
  net.loadFromWeightMap(await tf.io.weightsLoaderFactory(read)(manifest, path.join(home, 'model')));
  return net;
}

const ssd = await load(new faceapi.SsdMobilenetv1(), 'ssd_mobilenetv1');
const landmarks = await load(new faceapi.FaceLandmark68Net(), 'face_landmark_68');
const descriptor = await load(new faceapi.FaceRecognitionNet(), 'face_recognition');
const expression = await load(new faceapi.FaceExpressionNet(), 'face_expression');

const round = (values, digits) => Array.from(values, (v) => Number(v.toPrecision(digits)));

const results = {};
for (const { name, height, width, sha256 } of JSON.parse(fs.readFileSync(path.join(inputs, 'index.json')))) {
  const picture = tf.tensor3d(new Uint8Array(fs.readFileSync(path.join(inputs, `${name}.rgb`))), [height, width, 3], 'int32');
  const result = { height, width, sha256 };
  if (name.startsWith('frame')) {
    const found = await ssd.locateFaces(picture, { minConfidence: 0.3, maxResults: 100 });
    result.boxes = found.map(({ box }) => round([box.left, box.top, box.right, box.bottom], 9));
    result.scores = round(found.map((face) => face.score), 9);
  } else {
    const points = await landmarks.detectLandmarks(picture);
    result.landmarks = points.positions.map(({ x, y }) => round([x, y], 9));
    result.descriptor = round(await descriptor.computeFaceDescriptor(picture), 9);
    const input = await faceapi.toNetInput(picture);
    result.expression = round((await expression.forwardInput(input)).dataSync(), 9);
  }
  results[name] = result;
}
const text = Object.entries(results).map(([name, result]) => `  ${JSON.stringify(name)}: ${JSON.stringify(result)}`);
fs.writeFileSync(output, `{\n${text.join(',\n')}\n}\n`);
