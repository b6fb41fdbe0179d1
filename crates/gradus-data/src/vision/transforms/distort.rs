//! Rotations, affine and perspective maps, elastic and local distortions.

use gradus_tensor::{Error, Result};

use crate::SampleKey;
use crate::vision::augment::{Augment, batch_transforms, probability};
use crate::vision::dice::Dice;
use crate::vision::geometry::{self, GeometryOptions, finite};
use crate::vision::local::{Mesh, elastic_field, mesh_field};
use crate::vision::picture::ImageSize;
use crate::vision::resize::Interpolation;
use crate::vision::step::Plan;
use crate::vision::warp::{Affine, Fill, FillMode, perspective_coefficients};

/// torchvision's random transforms fill with 0 unless said, which blends: see [`Fill`].
fn filled() -> GeometryOptions {
    GeometryOptions::default().fill(0.0)
}

/// # Errors
/// `Kind::Argument` unless the ends are finite and in order.
fn range(op: &'static str, name: &'static str, range: [f64; 2]) -> Result<[f64; 2]> {
    if range[0] <= range[1] && range.iter().all(|v| v.is_finite()) {
        return Ok(range);
    }
    Err(Error::argument(op, name, format!("{range:?}"), "least and most"))
}

/// Options that all distortions have.
macro_rules! geometry_options {
    ($($name:ident),*) => {$(
        impl $name {
            /// How values between pixels are found.
            #[must_use]
            pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
                self.options = self.options.interpolation(interpolation);
                self
            }

            /// The colour of what lies outside the image; 0 unless said.
            #[must_use]
            pub fn fill(mut self, fill: impl Into<Fill>) -> Self {
                self.options = self.options.fill(fill);
                self
            }

            /// What is read outside the image in place of a colour.
            #[must_use]
            pub fn fill_mode(mut self, fill_mode: FillMode) -> Self {
                self.options = self.options.fill_mode(fill_mode);
                self
            }
        }
    )*};
}

/// A rotation by random degrees, counter-clockwise.
///
/// Keras's `RandomRotation(factor)` counts in turns, is bilinear and fills by reflection:
/// `RandomRotation::new(360.0 * factor)` with [`FillMode::Symmetric`].
#[derive(Clone, Debug)]
pub struct RandomRotation {
    degrees: [f64; 2],
    options: GeometryOptions,
}

impl RandomRotation {
    /// From `-degrees` to `degrees`.
    pub fn new(degrees: f64) -> Self {
        RandomRotation { degrees: [-degrees, degrees], options: filled() }
    }

    /// Least and most degrees.
    #[must_use]
    pub fn degrees(self, degrees: [f64; 2]) -> Self {
        RandomRotation { degrees, ..self }
    }

    /// The point `[x, y]` that stays where it is; the middle unless said.
    #[must_use]
    pub fn center(self, center: [f64; 2]) -> Self {
        RandomRotation { options: self.options.center(center), ..self }
    }

    /// Whether images grow to hold all of themselves. Those of a batch then differ in size.
    #[must_use]
    pub fn expand(self, expand: bool) -> Self {
        RandomRotation { options: self.options.expand(expand), ..self }
    }
}

impl Augment for RandomRotation {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_rotation";
        let angle = Dice::new(key).uniform(range(OP, "degrees", self.degrees)?);
        geometry::rotate(plan, OP, angle, &self.options)
    }
}

/// A random affine map: rotation (clockwise), translation, scale and shear.
#[derive(Clone, Debug)]
pub struct RandomAffine {
    degrees: [f64; 2],
    translate: Option<[f64; 2]>,
    scale: Option<[f64; 2]>,
    shear: [[f64; 2]; 2],
    options: GeometryOptions,
}

impl RandomAffine {
    /// A rotation from `-degrees` to `degrees`.
    pub fn new(degrees: f64) -> Self {
        let (degrees, shear) = ([-degrees, degrees], [[0.0; 2]; 2]);
        RandomAffine { degrees, translate: None, scale: None, shear, options: filled() }
    }

    /// Least and most degrees of the rotation.
    #[must_use]
    pub fn degrees(self, degrees: [f64; 2]) -> Self {
        RandomAffine { degrees, ..self }
    }

    /// Most translation along x and y, in parts of width and height, in whole pixels.
    #[must_use]
    pub fn translate(self, translate: [f64; 2]) -> Self {
        RandomAffine { translate: Some(translate), ..self }
    }

    /// Least and most factor of size.
    #[must_use]
    pub fn scale(self, scale: [f64; 2]) -> Self {
        RandomAffine { scale: Some(scale), ..self }
    }

    /// Most degrees of shear along x, both ways.
    #[must_use]
    pub fn shear(self, degrees: f64) -> Self {
        self.shear_ranges([-degrees, degrees], [0.0; 2])
    }

    /// Least and most degrees of shear along x and along y.
    #[must_use]
    pub fn shear_ranges(self, x: [f64; 2], y: [f64; 2]) -> Self {
        RandomAffine { shear: [x, y], ..self }
    }

    /// The point `[x, y]` of rotation and shear; the middle unless said.
    #[must_use]
    pub fn center(self, center: [f64; 2]) -> Self {
        RandomAffine { options: self.options.center(center), ..self }
    }
}

impl Augment for RandomAffine {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_affine";
        let mut dice = Dice::new(key);
        let angle = dice.uniform(range(OP, "degrees", self.degrees)?);
        let mut translate = [0.0; 2];
        if let Some(parts) = self.translate {
            for (k, side) in [plan.size.width, plan.size.height].into_iter().enumerate() {
                if !(0.0..=1.0).contains(&parts[k]) {
                    return Err(Error::argument(OP, "translate", parts[k], "0 to 1"));
                }
                let most = parts[k] * side as f64;
                translate[k] = dice.uniform([-most, most]).round_ties_even();
            }
        }
        let scale = match self.scale {
            Some(scale) => dice.uniform(range(OP, "scale", scale)?),
            None => 1.0,
        };
        let mut shear = [0.0; 2];
        for (shear, degrees) in shear.iter_mut().zip(self.shear) {
            *shear = dice.uniform(range(OP, "shear", degrees)?);
        }
        let map = Affine { angle, translate, scale, shear, center: None };
        geometry::affine(plan, OP, map, &self.options)
    }
}

/// Corners moved inwards by random distances, with a probability.
#[derive(Clone, Debug)]
pub struct RandomPerspective {
    distortion_scale: f64,
    p: f64,
    options: GeometryOptions,
}

impl Default for RandomPerspective {
    /// Distortion 0.5 with probability 0.5, bilinear.
    fn default() -> Self {
        RandomPerspective::new(0.5)
    }
}

impl RandomPerspective {
    /// Corners move by at most this part of half an image, 0 to 1.
    pub fn new(distortion_scale: f64) -> Self {
        RandomPerspective { distortion_scale, p: 0.5, options: filled() }
    }

    /// With probability `p`.
    #[must_use]
    pub fn p(self, p: f64) -> Self {
        RandomPerspective { p, ..self }
    }
}

impl Augment for RandomPerspective {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_perspective";
        let mut dice = Dice::new(key);
        if !(0.0..=1.0).contains(&self.distortion_scale) {
            let scale = self.distortion_scale;
            return Err(Error::argument(OP, "distortion_scale", scale, "0 to 1"));
        }
        if !dice.chance(probability(OP, self.p)?) {
            return Ok(());
        }
        let ImageSize { height, width, .. } = plan.size;
        let bound = |side: usize| (self.distortion_scale * (side / 2) as f64) as usize + 1;
        let (bx, by) = (bound(width), bound(height));
        let (right, low) = (width as f64 - 1.0, height as f64 - 1.0);
        let start = [[0.0, 0.0], [right, 0.0], [right, low], [0.0, low]];
        // Each corner moves towards the middle.
        let end = [(false, false), (true, false), (true, true), (false, true)].map(|(r, l)| {
            let (x, y) = (dice.below(bx) as f64, dice.below(by) as f64);
            [if r { right - x } else { x }, if l { low - y } else { y }]
        });
        let coefficients = perspective_coefficients(OP, start, end)?;
        geometry::perspective(plan, OP, coefficients, &self.options)
    }
}

/// Random displacements that neighbours share.
///
/// Source: Simard et al., "Best practices for convolutional neural networks applied to visual
/// document analysis", 2003; with torchvision's units, in which alpha counts half pixels.
#[derive(Clone, Debug)]
pub struct ElasticTransform {
    alpha: [f64; 2],
    sigma: [f64; 2],
    options: GeometryOptions,
}

impl Default for ElasticTransform {
    /// Strength 50, deviation of the blur 5.
    fn default() -> Self {
        ElasticTransform::new(50.0, 5.0)
    }
}

impl ElasticTransform {
    /// Strength of the displacements and deviation of the blur that smooths them.
    pub fn new(alpha: f64, sigma: f64) -> Self {
        ElasticTransform { alpha: [alpha; 2], sigma: [sigma; 2], options: filled() }
    }
}

impl Augment for ElasticTransform {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "elastic_transform";
        /// A blur wider than any image.
        const WIDEST: f64 = 1e4;
        let [alpha, sigma] = [self.alpha[0], self.sigma[0]];
        finite(OP, "alpha", alpha)?;
        if !(0.0..=WIDEST).contains(&sigma) {
            return Err(Error::argument(OP, "sigma", sigma, "0 to 10,000"));
        }
        let field = elastic_field(plan.size, self.alpha, self.sigma, &mut Dice::new(key));
        geometry::displace(plan, OP, field, &self.options)
    }
}

/// A local distortion: the points of a mesh move by random distances, and the image with them.
///
/// ```
/// use gradus_data::vision::{Augment, LocalWarp, Mesh};
/// use gradus_data::SampleKey;
/// use gradus_tensor::Array;
/// let x = Array::from_vec((0..64).collect::<Vec<u8>>(), [1, 8, 8])?;
/// let warp = LocalWarp::new([4, 4], 0.05).mesh(Mesh::Triangles);
/// let y = warp.transform(&x, &[SampleKey::new(2, 0, 0)])?;
/// assert_eq!(y.shape(), x.shape());
/// assert_ne!(y.to_vec::<u8>()?, x.to_vec::<u8>()?);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalWarp {
    points: [usize; 2],
    scale: f64,
    mesh: Mesh,
    options: GeometryOptions,
}

impl LocalWarp {
    /// A mesh of `[rows, columns]` points, at least 2 × 2, from corner to corner. Each moves by at
    /// most `scale` of the image's size, along x and along y.
    pub fn new(points: [usize; 2], scale: f64) -> Self {
        LocalWarp { points, scale, mesh: Mesh::Grid, options: filled() }
    }

    /// How what lies between the points moves.
    #[must_use]
    pub fn mesh(self, mesh: Mesh) -> Self {
        LocalWarp { mesh, ..self }
    }
}

impl Augment for LocalWarp {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "local_warp";
        let mut dice = Dice::new(key);
        let scale = finite(OP, "scale", self.scale)?;
        let sides = [plan.size.width as f64, plan.size.height as f64];
        let count = self.points[0].saturating_mul(self.points[1]);
        if count > plan.size.plane().max(4) {
            let shown = format!("{:?}", self.points);
            return Err(Error::argument(OP, "points", shown, "no more than there are pixels"));
        }
        let moves: Vec<[f32; 2]> = (0..count)
            .map(|_| sides.map(|side| (dice.uniform([-1.0, 1.0]) * scale * side) as f32))
            .collect();
        let field = mesh_field(OP, plan.size, self.points, &moves, self.mesh)?;
        geometry::displace(plan, OP, field, &self.options)
    }
}

geometry_options!(RandomRotation, RandomAffine, RandomPerspective, ElasticTransform, LocalWarp);
batch_transforms!(RandomRotation, RandomAffine, RandomPerspective, ElasticTransform, LocalWarp);
