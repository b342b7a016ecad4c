"""The sweep file: read, validated, explained."""
