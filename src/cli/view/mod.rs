//! How things look: pure functions from data to text. Nobody else decides how anything is shown.
