"use strict";
// The picture of `offhook_media::video::pattern`, bit for bit, in I420.

const COLUMNS = 20;
const WHITE = 235;
const BLACK = 16;

function drawPattern(data, width, height, millis) {
    const pixels = width * height;
    const drift = Math.floor(millis * width / 4000);
    for (let x = 0; x < width; x++) {
        const wave = Math.floor((x + drift) * 512 / width) % 256;
        data[x] = 40 + Math.min(wave, 255 - wave);
    }
    const first = data.subarray(0, width);
    for (let y = 1; y < height; y++) {
        // As the rows below the first are counted there.
        const brighter = Math.floor((y - 1) * 60 / height);
        const at = y * width;
        for (let x = 0; x < width; x++) data[at + x] = first[x] + brighter;
    }
    data.fill(96 + Math.floor(millis / 40) % 64, pixels, pixels * 3 / 2);
    const side = Math.max(2, Math.floor(height / 6));
    const bounce = (period, room) => {
        const phase = millis % (2 * period);
        return Math.floor(Math.min(phase, 2 * period - phase) * room / period);
    };
    const left = bounce(3000, Math.max(0, width - side)), top = bounce(1700, Math.max(0, height - side));
    fillRectangle(data, width, height, left, left + side, top, top + side, 220);
    const bits = clockBits(millis);
    eachBlock(width, height, (place, x0, x1, y0, y1) => {
        fillRectangle(data, width, height, x0, x1, y0, y1, bits[place] ? WHITE : BLACK);
    });
}

function fillRectangle(data, width, height, x0, x1, y0, y1, luma) {
    for (let y = Math.min(y0, height); y < Math.min(y1, height); y++) {
        data.fill(luma, y * width + Math.min(x0, width), y * width + Math.min(x1, width));
    }
}

const clockSide = (width, height) => Math.min(Math.floor(width / COLUMNS), Math.floor(height / 2));

function eachBlock(width, height, visit) {
    const side = clockSide(width, height);
    for (let place = 0; place < 2 * COLUMNS; place++) {
        const row = Math.floor(place / COLUMNS), column = place % COLUMNS;
        visit(place, Math.floor(column * width / COLUMNS), Math.floor((column + 1) * width / COLUMNS), row * side, (row + 1) * side);
    }
}

/// 32 bits of milliseconds, and eight of a checksum (CRC-8, polynomial 7), the lowest first.
function clockBits(millis) {
    let crc = 0xff;
    for (let byte = 0; byte < 4; byte++) {
        crc ^= (millis >>> (8 * byte)) & 0xff;
        for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80 ? (crc << 1) ^ 0x07 : crc << 1) & 0xff;
    }
    return Array.from({ length: 40 }, (_, place) => (place < 32 ? (millis >>> place) & 1 : (crc >>> (place - 32)) & 1));
}

/// The milliseconds in the top of a picture of this size, of which `luma` has the rows with the clock; null where none can be read.
function readClock(luma, stride, width, height) {
    const bits = [];
    eachBlock(width, height, (place, x0, x1, y0, y1) => {
        const [fromX, toX] = middle(x0, x1), [fromY, toY] = middle(y0, y1);
        let sum = 0;
        for (let y = fromY; y < toY; y++) for (let x = fromX; x < toX; x++) sum += luma[y * stride + x];
        bits.push(sum > (toX - fromX) * (toY - fromY) * ((WHITE + BLACK) >> 1) ? 1 : 0);
    });
    let millis = 0;
    for (let place = 31; place >= 0; place--) millis = millis * 2 + bits[place];
    return clockBits(millis).every((bit, place) => bit === bits[place]) ? millis : null;
}

function middle(from, to) {
    const quarter = Math.floor((to - from) / 4);
    return [from + quarter, Math.max(to - quarter, from + quarter + 1)];
}
