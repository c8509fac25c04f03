from ml_dash.server.tables import metadata
import ml_dash.server.points.tables
def migrate(database):
    metadata.create_all(database.engine)
