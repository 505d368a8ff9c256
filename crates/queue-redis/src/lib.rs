//! Wake-ups and rate counters across replicas, on Redis.
