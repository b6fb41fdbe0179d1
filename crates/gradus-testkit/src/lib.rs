//! gradus-testkit
