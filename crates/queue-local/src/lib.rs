//! Wake-ups, signals and limits inside one process.
