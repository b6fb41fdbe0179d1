//! Drawings of the control problems, after Gymnasium's: its sizes, places and colours.

use super::Picture;
use super::canvas::Point;

const WHITE: [u8; 3] = [255; 3];
const BLACK: [u8; 3] = [0; 3];

/// A point turned by an angle and moved; pixels count downwards, so `y` is mirrored at `height`.
fn place((x, y): Point, angle: f64, to: Point, height: f64) -> Point {
    let (sin, cos) = angle.sin_cos();
    (x * cos - y * sin + to.0, height - (x * sin + y * cos + to.1))
}

/// A rectangle `left..right` by `bottom..top`, turned and moved.
fn turned([left, right, bottom, top]: [f64; 4], angle: f64, to: Point, height: f64) -> [Point; 4] {
    [(left, bottom), (left, top), (right, top), (right, bottom)]
        .map(|corner| place(corner, angle, to, height))
}

pub(crate) fn cart_pole(x: f64, theta: f64, x_limit: f64, half_length: f64) -> Picture {
    const WIDTH: f64 = 600.0;
    const HEIGHT: f64 = 400.0;
    let scale = WIDTH / (2.0 * x_limit);
    let cart = (x * scale + WIDTH / 2.0, 100.0);
    let axle = (cart.0, cart.1 + 30.0 / 4.0);
    let pole = scale * 2.0 * half_length;
    let mut picture = Picture::filled(600, 400, WHITE);
    let track = HEIGHT - cart.1;
    picture.line((0.0, track), (WIDTH, track), 1.0, BLACK);
    picture.polygon(&turned([-25.0, 25.0, -15.0, 15.0], 0.0, cart, HEIGHT), BLACK);
    let pole = [-5.0, 5.0, -5.0, pole - 5.0];
    picture.polygon(&turned(pole, -theta, axle, HEIGHT), [202, 152, 101]);
    picture.disc((axle.0, HEIGHT - axle.1), 5.0, [129, 132, 203]);
    picture
}

pub(crate) fn mountain_car(position: f64, [left, right]: [f64; 2], goal: f64) -> Picture {
    const WIDTH: f64 = 600.0;
    const HEIGHT: f64 = 400.0;
    let scale = WIDTH / (right - left);
    let hill = |x: f64| ((x - left) * scale, ((3.0 * x).sin() * 0.45 + 0.55) * scale);
    let mut picture = Picture::filled(600, 400, WHITE);
    let points: Vec<Point> = (0..100)
        .map(|i| hill(left + (right - left) * f64::from(i) / 99.0))
        .map(|(x, y)| (x, HEIGHT - y))
        .collect();
    points.windows(2).for_each(|ends| picture.line(ends[0], ends[1], 1.5, BLACK));
    let (x, y) = hill(goal);
    picture.line((x, HEIGHT - y), (x, HEIGHT - y - 50.0), 1.5, BLACK);
    let flag = [(x, y + 50.0), (x, y + 40.0), (x + 25.0, y + 45.0)];
    picture.polygon(&flag.map(|(x, y)| (x, HEIGHT - y)), [204, 204, 0]);
    let (x, y) = hill(position);
    let (car, angle) = ((x, y + 10.0), (3.0 * position).cos());
    picture.polygon(&turned([-20.0, 20.0, 0.0, 20.0], angle, car, HEIGHT), BLACK);
    for side in [10.0, -10.0] {
        picture.disc(place((side, 0.0), angle, car, HEIGHT), 8.0, [128; 3]);
    }
    picture
}

pub(crate) fn acrobot(theta1: f64, theta2: f64) -> Picture {
    const SIZE: f64 = 500.0;
    let scale = SIZE / 4.4;
    let centre = (SIZE / 2.0, SIZE / 2.0);
    let quarter = std::f64::consts::FRAC_PI_2;
    let elbow = (centre.0 + theta1.sin() * scale, centre.1 - theta1.cos() * scale);
    let mut picture = Picture::filled(500, 500, WHITE);
    let line = SIZE - (centre.1 + scale);
    picture.line((0.0, line), (SIZE, line), 1.0, BLACK);
    for (joint, angle) in [(centre, theta1 - quarter), (elbow, theta1 + theta2 - quarter)] {
        let link = [0.0, scale, -0.1 * scale, 0.1 * scale];
        picture.polygon(&turned(link, angle, joint, SIZE), [0, 204, 204]);
        picture.disc((joint.0, SIZE - joint.1), 0.1 * scale, [204, 204, 0]);
    }
    picture
}

pub(crate) fn pendulum(theta: f64, torque: Option<f32>) -> Picture {
    const SIZE: f64 = 500.0;
    let scale = SIZE / 4.4;
    let centre = (SIZE / 2.0, SIZE / 2.0);
    let (width, angle) = (0.2 * scale, theta + std::f64::consts::FRAC_PI_2);
    let colour = [204, 77, 77];
    let mut picture = Picture::filled(500, 500, WHITE);
    let rod = [0.0, scale, -width / 2.0, width / 2.0];
    picture.polygon(&turned(rod, angle, centre, SIZE), colour);
    for end in [(0.0, 0.0), (scale, 0.0)] {
        picture.disc(place(end, angle, centre, SIZE), width / 2.0, colour);
    }
    if let Some(torque) = torque {
        // The torque as a bar beside the axle, to its side.
        let length = scale * f64::from(torque) / 2.0;
        picture.line(centre, (centre.0 - length, centre.1), 6.0, [90, 90, 160]);
    }
    picture.disc(centre, 0.05 * scale, BLACK);
    picture
}
