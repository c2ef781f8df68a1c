"""Reading and writing files: the only place where kdeblend touches file formats."""
