//! What EC2 refuses and what it works out, call by call.
