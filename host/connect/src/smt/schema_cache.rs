//! What follows from a schema, kept for the next record that has the same one.

use std::sync::{Arc, Mutex, PoisonError};

use crate::data::Schema;

/// As many schemas as the original keeps.
const SIZE: usize = 16;

/// Finds by the pointer first, for the records of a topic tend to share one; a clone is empty, so that workers do not meet here.
#[derive(Debug)]
pub(super) struct SchemaCache<T>(Mutex<Vec<(Arc<Schema>, T)>>);

impl<T> Default for SchemaCache<T> {
    fn default() -> SchemaCache<T> {
        SchemaCache(Mutex::default())
    }
}

impl<T> Clone for SchemaCache<T> {
    fn clone(&self) -> SchemaCache<T> {
        SchemaCache::default()
    }
}

impl<T: Clone> SchemaCache<T> {
    /// What was made for `schema`, or is made now.
    pub(super) fn get<E>(&self, schema: &Arc<Schema>, make: impl FnOnce(&Schema) -> Result<T, E>) -> Result<T, E> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = made
            .iter()
            .position(|(known, _)| Arc::ptr_eq(known, schema))
            .or_else(|| made.iter().position(|(known, _)| known == schema));
        if let Some(found) = found {
            return Ok(made[found].1.clone());
        }
        let new = make(schema)?;
        if made.len() == SIZE {
            made.remove(0);
        }
        made.push((schema.clone(), new.clone()));
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Type;

    fn count(cache: &SchemaCache<usize>, schema: &Arc<Schema>, next: usize) -> usize {
        cache.get::<()>(schema, |_| Ok(next)).expect("a number")
    }

    #[test]
    fn a_schema_is_looked_at_once_however_often_it_comes() {
        let cache = SchemaCache::default();
        let schema = Arc::new(Schema::of(Type::Int8));
        assert_eq!(count(&cache, &schema, 1), 1);
        assert_eq!(count(&cache, &schema, 2), 1);
        assert_eq!(count(&cache, &Arc::new(Schema::of(Type::Int8)), 3), 1, "an equal one elsewhere in memory");
        assert_eq!(count(&cache, &Arc::new(Schema::of(Type::Int16)), 4), 4);
        assert_eq!(count(&cache.clone(), &schema, 5), 5, "a clone begins anew");
    }

    #[test]
    fn the_oldest_schema_makes_room() {
        let cache = SchemaCache::default();
        let schemas: Vec<_> =
            (0..=SIZE as i32).map(|version| Arc::new(Schema { version: Some(version), ..Schema::of(Type::Int8) })).collect();
        for (index, schema) in schemas.iter().enumerate() {
            assert_eq!(count(&cache, schema, index), index);
        }
        assert_eq!(count(&cache, &schemas[SIZE], 99), SIZE);
        assert_eq!(count(&cache, &schemas[0], 99), 99);
    }
}
