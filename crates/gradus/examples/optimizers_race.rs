//! Optimizers on surfaces that are hard in different ways, and activations with their
//! derivatives, as pictures and one page:
//!
//! `cargo run --release --features plot --example optimizers_race -- [DIRECTORY]`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::ops::RangeInclusive;
use std::path::PathBuf;

use gradus::optim::{Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RAdam, RmsProp, Sgd};
use gradus::plot::{Picture, Report, activation_plot, descend, loss_surface_race, surfaces};
use gradus::{Error, Result, Tensor};

type Function = fn(&Tensor, &Tensor) -> Result<Tensor>;
type Make = fn(&[Tensor], f64) -> Box<dyn Optimizer>;

/// Where a race takes place.
struct Course {
    name: &'static str,
    function: Function,
    x: RangeInclusive<f64>,
    y: RangeInclusive<f64>,
    start: (f64, f64),
    minima: &'static [(f64, f64)],
    steps: usize,
    /// Learning rates for steps that follow gradients and for even ones.
    rates: (f64, f64),
}

/// What a step's length is proportional to: gradients, or little but the rate.
#[derive(Clone, Copy)]
enum Stride {
    Gradient,
    Even,
}
use Stride::{Even, Gradient};

/// Optimizers, and how many times their course's rate they take.
const RACERS: &[(&str, Stride, f64, Make)] = &[
    ("SGD", Gradient, 1.0, |p, lr| Box::new(Sgd::new(p, lr))),
    ("Momentum", Gradient, 1.0, |p, lr| Box::new(Sgd::new(p, lr).momentum(0.9))),
    ("Nesterov", Gradient, 1.0, |p, lr| Box::new(Sgd::new(p, lr).momentum(0.9).nesterov(true))),
    ("Adagrad", Even, 5.0, |p, lr| Box::new(Adagrad::new(p, lr))),
    ("RMSprop", Even, 0.2, |p, lr| Box::new(RmsProp::new(p, lr))),
    ("Adadelta", Even, 200.0, |p, lr| Box::new(Adadelta::new(p, lr))),
    ("Adam", Even, 1.0, |p, lr| Box::new(Adam::new(p, lr))),
    ("AdamW", Even, 1.0, |p, lr| Box::new(AdamW::new(p, lr))),
    ("NAdam", Even, 1.0, |p, lr| Box::new(NAdam::new(p, lr))),
    // Its first steps are those of momentum.
    ("RAdam", Even, 0.2, |p, lr| Box::new(RAdam::new(p, lr))),
    ("Lion", Even, 0.2, |p, lr| Box::new(Lion::new(p, lr))),
];

fn courses() -> [Course; 4] {
    [
        Course {
            name: "Beale",
            function: surfaces::beale,
            x: -1.0..=4.5,
            y: -2.0..=2.0,
            start: (0.7, 1.4),
            minima: &[(3.0, 0.5)],
            steps: 250,
            rates: (5e-3, 0.1),
        },
        Course {
            name: "Rosenbrock",
            function: surfaces::rosenbrock,
            x: -2.0..=2.0,
            y: -1.0..=3.0,
            start: (-1.2, 1.8),
            minima: &[(1.0, 1.0)],
            steps: 400,
            rates: (4e-4, 0.1),
        },
        Course {
            name: "Himmelblau",
            function: surfaces::himmelblau,
            x: -5.0..=5.0,
            y: -5.0..=5.0,
            start: (-0.5, -1.0),
            minima: &[(3.0, 2.0), (-2.805, 3.131), (-3.779, -3.283), (3.584, -1.848)],
            steps: 100,
            rates: (5e-3, 0.1),
        },
        Course {
            name: "Saddle",
            function: surfaces::saddle,
            x: -2.0..=2.0,
            y: -2.0..=2.0,
            start: (1.5, 1e-3),
            minima: &[],
            steps: 100,
            rates: (1e-2, 0.1),
        },
    ]
}

fn race(course: &Course) -> Result<Picture> {
    let (x, y) = (course.x.clone(), course.y.clone());
    let mut race = loss_surface_race(course.function, x, y)
        .title(format!("{}, {} steps", course.name, course.steps));
    for (x, y) in course.minima {
        race = race.minimum(*x, *y);
    }
    for (name, stride, times, make) in RACERS {
        let rate = match stride {
            Gradient => course.rates.0,
            Even => course.rates.1,
        };
        let optimizer = |params: &[Tensor]| make(params, rate * times);
        let path = descend(course.function, course.start, course.steps, optimizer)?;
        race = race.path(*name, &path);
    }
    race.draw()
}

fn activations() -> Result<Vec<(&'static str, Picture)>> {
    type Activation = fn(&Tensor) -> Result<Tensor>;
    let functions: [(&str, Activation); 6] = [
        ("sigmoid", |x| x.sigmoid()),
        ("tanh", |x| x.tanh()),
        ("relu", |x| x.relu()),
        ("gelu", |x| x.gelu()),
        ("silu", |x| x.silu()),
        ("mish", |x| x.mish()),
    ];
    let draw = |(name, f)| Ok((name, activation_plot(name, f, -4.0..=4.0).draw()?));
    functions.into_iter().map(draw).collect()
}

fn main() -> Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "plots".into()));
    std::fs::create_dir_all(&directory).map_err(|e| Error::io(&directory, e))?;
    let mut report = Report::new("Optimizers and activations").text(
        "Every optimizer starts at the black dot; its last loss stands beside its name. Crosses \
         are minima.",
    );
    let save = |name: &str, picture: &Picture| -> Result<()> {
        for extension in ["svg", "png"] {
            let path = directory.join(format!("{name}.{extension}"));
            picture.save(&path)?;
            println!("wrote {}", path.display());
        }
        Ok(())
    };
    for course in courses() {
        let picture = race(&course)?;
        save(&format!("race_{}", course.name.to_lowercase()), &picture)?;
        report = report.picture(course.name, &picture);
    }
    for (name, picture) in activations()? {
        save(&format!("activation_{name}"), &picture)?;
        report = report.picture(name, &picture);
    }
    let page = directory.join("report.html");
    report.save(&page)?;
    println!("wrote {}", page.display());
    Ok(())
}
