//! offset_token
