//! Functions of two variables on which optimizers are tried, in tensor operations.
//!
//! *Shapes*: x and y broadcast. *Source*: the functions of that name in the literature of test
//! functions for optimization.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

/// (1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²; 0 at (3, 0.5).
///
/// ```
/// use gradus_autodiff::Tensor;
/// let z = gradus_plot::surfaces::beale(&Tensor::scalar(3.0), &Tensor::scalar(0.5))?;
/// assert_eq!(z.item()?, 0.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` if x and y do not broadcast.
pub fn beale(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let y2 = y.square()?;
    let part = |offset: f64, power: &Tensor| x.mul(power)?.sub(x)?.add(offset)?.square();
    let sum = part(1.5, y)?.add(part(2.25, &y2)?)?;
    sum.add(part(2.625, &y2.mul(y)?)?)
}

/// (1 - x)² + 100 (y - x²)²; 0 at (1, 1), at the end of a bent valley.
///
/// ```
/// use gradus_autodiff::Tensor;
/// let z = gradus_plot::surfaces::rosenbrock(&Tensor::scalar(0.0), &Tensor::scalar(1.0))?;
/// assert_eq!(z.item()?, 101.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` if x and y do not broadcast.
pub fn rosenbrock(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let valley = y.sub(x.square()?)?.square()?.mul(100.0)?;
    x.sub(1.0)?.square()?.add(valley)
}

/// (x² + y - 11)² + (x + y² - 7)²; four minima of 0, one at (3, 2).
///
/// ```
/// use gradus_autodiff::Tensor;
/// let z = gradus_plot::surfaces::himmelblau(&Tensor::scalar(3.0), &Tensor::scalar(2.0))?;
/// assert_eq!(z.item()?, 0.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` if x and y do not broadcast.
pub fn himmelblau(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let first = x.square()?.add(y)?.sub(11.0)?.square()?;
    first.add(y.square()?.add(x)?.sub(7.0)?.square()?)
}

/// x² - y²; flat at (0, 0), from which only y leads down.
///
/// ```
/// use gradus_autodiff::Tensor;
/// let z = gradus_plot::surfaces::saddle(&Tensor::scalar(3.0), &Tensor::scalar(2.0))?;
/// assert_eq!(z.item()?, 5.0);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` if x and y do not broadcast.
pub fn saddle(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x.square()?.sub(y.square()?)
}
