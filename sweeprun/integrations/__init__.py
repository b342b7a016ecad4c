"""What training frameworks need of a sweep, a file for each of them; each imports its framework where it is used."""
